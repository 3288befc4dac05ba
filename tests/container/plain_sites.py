"""Sites and hand-written configurations for tests that start real servers, until and beside the rendered ones."""

from __future__ import annotations

from typing import Any

from ota_proxy.site import Site


def site(**changes: Any) -> Site:  # noqa: ANN401 - the model checks
    data: dict[str, Any] = {
        "domains": ["ota.example.com", "*.ota.example.com"],
        "public_url": "https://ota.example.com:8443",
        "locations": [{"path": "/ota/", "root": "/srv/my ota"}],
        "certificates": [{"cert": "/etc/ssl/ota/leaf.pem", "key": "/etc/ssl/private/leaf.key"}],
    }
    return Site.model_validate({**data, **changes})


def proxied(upstream: str, **changes: Any) -> Site:  # noqa: ANN401 - the model checks
    return site(locations=[{"path": "/ota/", "upstream": upstream, **changes.pop("location", {})}], **changes)


def nginx(site: Site, *, broken: str = "") -> str:
    """A plain nginx site: https (or a plain listener behind a TLS-terminating proxy), redirect, one block per location."""
    address = site.listen.hosts[0] if site.listen.hosts else "0.0.0.0"  # noqa: S104 - inside a container
    names = " ".join(site.domains)
    pair = site.certificates[0] if site.certificates else None
    listen = f"{address}:{site.https_port} ssl" if pair else f"{address}:{site.listen.http}"
    tls = f'ssl_certificate "{pair.cert}"; ssl_certificate_key "{pair.key}";' if pair else ""
    redirect = (
        f"server {{ listen {address}:{site.listen.http}; server_name {names};"
        f' location ^~ /.well-known/acme-challenge/ {{ root "{site.redirect.acme_root}"; }}'
        f" location / {{ return 308 {site.base_url}$request_uri; }} }}\n"
        if pair and site.listen.http
        else ""
    )
    blocks = "".join(_nginx_location(site, index) for index in range(len(site.locations)))
    return f"server {{ listen {listen}; server_name {names}; {tls} {broken}\n{blocks}}}\n{redirect}"


def _nginx_location(site: Site, index: int) -> str:
    location = site.locations[index]
    if location.target is None:
        return (
            f'    location {location.path} {{ alias "{location.root}/";'
            " types { text/html html; text/css css; image/png png; text/xml plist; application/octet-stream ipa; } }\n"
        )
    host = f"http://unix:{location.target.path}:" if location.target.scheme == "unix" else location.upstream
    port = site.public_port
    verify = f'proxy_ssl_verify on; proxy_ssl_verify_depth 3; proxy_ssl_server_name on; proxy_ssl_trusted_certificate "{location.upstream_ca}";'
    name = f"proxy_ssl_name {location.upstream_name};" if location.upstream_name else ""
    return (
        f"    location ^~ {location.path} {{ proxy_pass {host}; proxy_set_header Host $http_host;"
        f" proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host $http_host;"
        f" proxy_set_header X-Forwarded-Port {port};"
        f" {verify + name if location.target.scheme == 'https' else ''} }}\n"
    )


def apache(site: Site, *, broken: str = "") -> str:
    pair = site.certificates[0]
    address = site.listen.hosts[0] if site.listen.hosts else "*"
    folders = "".join(
        f'    Alias "{location.path}" "{location.root}/"\n    <Directory "{location.root}">\n        Require all granted\n'
        "        AddType text/xml .plist\n        AddType application/octet-stream .ipa\n    </Directory>\n"
        for location in site.static
    )
    return (
        f"<VirtualHost {address}:{site.https_port}>\n    ServerName {site.domain}\n    SSLEngine on\n"
        f'    SSLCertificateFile "{pair.cert}"\n    SSLCertificateKeyFile "{pair.key}"\n{folders}{broken}</VirtualHost>\n'
        f"<VirtualHost {address}:{site.listen.http}>\n    ServerName {site.domain}\n    RewriteEngine On\n"
        f"    RewriteRule ^ {site.base_url}%{{REQUEST_URI}} [R=308,L,NE]\n</VirtualHost>\n"
    )
