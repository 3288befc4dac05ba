"""Starts real servers with a rendered (or given) configuration, test certificates and content, and cleans up after itself."""
