"""What we know of each web server, a folder each with the same file names; beside them what they share."""
