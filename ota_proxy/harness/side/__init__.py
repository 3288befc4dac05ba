"""The parts beside the server under test: applications behind it and a TLS-offloading proxy in front, played by nginx."""
