"""ota-proxy: will an iPhone install this from that server, and if not, which line do I change?"""

__version__ = "0.1.0"
