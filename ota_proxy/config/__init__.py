"""Facts from configuration files: what stands in them and is in force, never what to think of it."""
