"""What is missing on this machine, and how to get it. Looks only: nothing is started, pulled or written that stays."""
