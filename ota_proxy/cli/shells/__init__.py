"""Completions and the man page, all made from one reading of the argparse tree, so that they cannot lag behind it."""
