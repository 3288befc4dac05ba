"""A fourth server, to show what it takes: this record, `render` and a template, and a recipe that starts it. It is a small program of ours."""

from __future__ import annotations

from ota_proxy.servers.base import Server

SERVER = Server(
    name="toy",
    title="Toy",
    package=__name__,
    engines=("local",),
    example_version="7.0",
    example_preset="latest",
    banners=("toy",),
    main_names=("toy.conf",),
    not_looked_for="it is with these tests; write --server-version 7.0",
)
CAPABILITIES = {
    "latest": "7.0",
    "begins": [7],
    "oldest": "7.0",
    "oldest_tls": "openssl-1.1.1",
    "latest_layout": "debian",
    "features": {"tls13": {"tls": "openssl-1.1.1"}},
}
"""Its rows of `policy/capabilities.toml`."""
