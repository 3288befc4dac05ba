"""nginx on paper: its phases, one module each, over the levels of a configuration that was read."""
