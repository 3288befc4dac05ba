"""Pure functions from a site to configuration files, one module a server; nothing here touches the disk but `output.py`."""
