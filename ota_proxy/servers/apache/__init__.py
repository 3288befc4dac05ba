"""Apache httpd 2.4: what a site looks like as its configuration."""

from __future__ import annotations

import re

from ota_proxy.servers.base import Program, Server

SERVER = Server(
    name="apache",
    title="Apache",
    package=__name__,
    engines=("docker", "local"),
    example_version="2.4.62",
    example_preset="debian12",
    banners=("apache",),
    main_names=("apache2.conf", "httpd.conf", "conf/httpd.conf"),
    main_line=re.compile(r"(?mi)^\s*(?:LoadModule|ServerRoot)\s"),
    no_more_modules="what is rendered for Apache switches mod_deflate and mod_brotli off where needed",
    program=Program(
        names=("apache2", "httpd"),
        # Its own script first, because it reads the environment that the configuration needs.
        control=("apache2ctl", "apachectl", "httpd", "apache2"),
        folder_flag="-d",
        config_flag="-f",
        dump=(),
        listing=("-t", "-D", "DUMP_INCLUDES", "-D", "DUMP_RUN_CFG"),
    ),
)
