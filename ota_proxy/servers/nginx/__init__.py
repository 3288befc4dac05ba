"""nginx: what a site looks like as its configuration."""

from __future__ import annotations

import re

from ota_proxy.servers.base import Program, Server

SERVER = Server(
    name="nginx",
    title="nginx",
    package=__name__,
    engines=("docker", "local", "embedded"),
    example_version="1.26.3",
    example_preset="debian12",
    banners=("nginx", "openresty"),
    main_names=("nginx.conf",),
    main_line=re.compile(r"(?m)^(?:[^#\n]*[\s;{}])?(?:events|http)\s*\{"),
    verifies_any_name=True,
    program=Program(names=("nginx",), control=(), folder_flag="-p", config_flag="-c", dump=("-T",)),
)
