"""The engine `docker`: a scenario in fresh containers of a real server, byte for byte as production gets it."""
