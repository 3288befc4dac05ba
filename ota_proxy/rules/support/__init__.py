"""What several rules share: how an answer is asked for and shown, who is meant by a host, and what keeps a file from a phone."""
