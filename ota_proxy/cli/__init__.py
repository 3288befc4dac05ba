"""The command line: one module a command, each with `register` (no heavy import) and `run`."""
