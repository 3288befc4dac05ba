"""What a command does, without argparse and without printing: inputs to reports or files."""
