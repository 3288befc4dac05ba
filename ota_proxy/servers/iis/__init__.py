"""IIS without Windows: what a site looks like as its configuration, and configurations read as IIS reads them."""

from __future__ import annotations

from ota_proxy.servers.base import Server

SERVER = Server(
    name="iis",
    title="IIS",
    package=__name__,
    engines=("emulator",),
    example_version="2022",
    example_preset="2019",
    banners=("microsoft-iis",),
    otherwise=(
        "ota-proxy up iis --site-root DIR plays a folder of IIS as it is, ota-proxy lint PATH reads its files; "
        "for nginx: ota-proxy verify nginx --config PATH"
    ),
    not_looked_for="its version is that of Windows; write --server-version 2016, 2019, 2022 or 2025",
    no_more_modules="IIS compresses with its own modules",
    release="IIS 10 on Windows Server {version}",
    optional_modules=True,
    folder_for_each=True,
)
