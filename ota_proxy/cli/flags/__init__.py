"""The flags of every command. Only argparse is loaded for them: what a command needs to run is named as a text, and imported after parsing."""
