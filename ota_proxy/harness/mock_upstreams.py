"""What is played beside the server under test, as whole nginx configurations: the applications behind it and the TLS-terminating proxy before it.

They run on nginx 1.18 and newer, one process in the foreground, without root, and touch nothing outside `MOCK_ROOT`.
The manifest of an application is made of the forwarded headers it got, so wrong headers show as wrong URLs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from ota_proxy.addresses import bracketed, is_address
from ota_proxy.harness.authority import Authority, Flaw, Issued
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import MANIFEST, ODD, Content, Served
from ota_proxy.policy.capabilities import Capabilities
from ota_proxy.policy.guideline import profile
from ota_proxy.policy.media_types import ota_types
from ota_proxy.servers.nginx.quote import quote
from ota_proxy.site import Location, Site, Upstream

MOCK_ROOT = "/srv/ota-proxy-mocks"
"""Folder of everything the mock servers own, in double quotes wherever a configuration names it; `local` and `embedded` put their own in its place."""
PLACEHOLDER = "https://ota-proxy.invalid"
"""Stands for scheme, host and port in a manifest that `upstream_config` is to complete."""
_STEP = 1000
"""Characters of a manifest in one `set`: nginx reads words of at most 4 KiB."""
_TYPES = {".html": "text/html", ".css": "text/css", ".png": "image/png", ".txt": "text/plain"}


@dataclass(frozen=True, slots=True)
class Application:
    """One listening upstream: where, the locations it answers with the folder of each, and its certificate's base path for https."""

    target: Upstream
    folders: Mapping[str, str]
    certificate: str = ""


def group_by_target(locations: Iterable[Location]) -> dict[Upstream, list[Location]]:
    """Return the proxied locations by the upstream that they share."""
    groups: dict[Upstream, list[Location]] = {}
    for location in locations:
        if location.target:
            groups.setdefault(location.target, []).append(location)
    return groups


def upstream_config(applications: Iterable[Application], manifests: Mapping[str, str]) -> str:
    """Return the configuration that plays the applications; `manifests` maps URL paths to texts with `PLACEHOLDER` and no `$`."""
    servers = "".join(_application(application, manifests) for application in applications)
    return _whole("upstream", _MAPS + servers)


_MAPS = """\
    map $http_x_forwarded_proto $ota_scheme { default $http_x_forwarded_proto; "" http; }
    map $http_x_forwarded_host $ota_host { default $http_x_forwarded_host; "" $http_host; }
    map "$ota_host $http_x_forwarded_port" $ota_port {
        default "";
        "~ 443$" "";
        "~^[^:]+ (?<ota_p>[0-9]+)$" ":$ota_p";
    }
"""


def _whole(name: str, body: str) -> str:
    temps = "".join(f'    {kind}_temp_path "{MOCK_ROOT}/{name}-{kind}";\n' for kind in ("client_body", "proxy"))
    types = "".join(f"        {kind} {suffix[1:]};\n" for suffix, kind in {**_TYPES, **ota_types()}.items())
    return (
        f'daemon off;\nmaster_process off;\npid "{MOCK_ROOT}/{name}.pid";\nerror_log stderr warn;\n'
        "events { worker_connections 512; }\nhttp {\n"
        f"    access_log off;\n    server_tokens off;\n    server_names_hash_bucket_size 512;\n{temps}    types {{\n{types}    }}\n    default_type application/octet-stream;\n"
        f"{body}}}\n"
    )


def _application(application: Application, manifests: Mapping[str, str]) -> str:
    locations = "".join(_folder(path, folder) for path, folder in application.folders.items())
    answers = "".join(
        _manifest(path, text)
        for path, text in manifests.items()
        if any(path.startswith(prefix) for prefix in application.folders)
    )
    tls = application.certificate
    keys = f'        ssl_certificate "{tls}.crt";\n        ssl_certificate_key "{tls}.key";\n' if tls else ""
    return f"    server {{\n        listen {_address(application.target)};\n{keys}{locations}{answers}    }}\n"


def _address(target: Upstream) -> str:
    if target.scheme == "unix":
        return quote(f"unix:{target.path}", ("upstream",))
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:  # a name, which resolves to loopback where the server runs
        address = ipaddress.ip_address("127.0.0.1")
    return bracketed(str(address)) + f":{target.port}" + " ssl" * (target.scheme == "https")


def _folder(path: str, folder: str) -> str:
    return f'        location {_token(path)} {{ alias "{folder}/"; index index.html; }}\n'


def _token(path: str) -> str:
    """Return a path as one word of nginx; it has no quotation mark and no backslash."""
    return path if re.fullmatch(r"[\w/.@+,=:!-]+", path, re.ASCII) else f'"{path}"'


def _manifest(path: str, text: str) -> str:
    parts = [text[start : start + _STEP] for start in range(0, len(text), _STEP)]
    sets = "".join(f'            set $ota_part{index} "{_quoted(part)}";\n' for index, part in enumerate(parts))
    whole = "".join(f"$ota_part{index}" for index in range(len(parts)))
    return f'        location = {_token(path)} {{\n            default_type text/xml;\n{sets}            return 200 "{whole}";\n        }}\n'


def _quoted(text: str) -> str:
    """Return the text as an nginx string, which has no way to write a dollar sign."""
    if "$" in text:
        raise ValueError("a manifest for upstream_config must write its dollar signs as &#36;")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace(PLACEHOLDER, "${ota_scheme}://${ota_host}${ota_port}")


@dataclass(frozen=True, slots=True)
class TlsProxyPorts:
    """Where the TLS-terminating proxy listens, and the public port it tells the server about."""

    https: str
    http: str
    """Empty where the server itself listens on the plain port."""
    public: int


def tls_proxy_ports(site: Site) -> TlsProxyPorts:
    """Return where the TLS-terminating proxy of a site listens in a network of its own: all addresses, public port and 80."""
    return TlsProxyPorts(
        f"0.0.0.0:{site.public_port}", "" if site.listen.http == 80 else "0.0.0.0:80", site.public_port
    )


def trusted_address(site: Site) -> str:
    """Return the address inside `trusted_proxies` from which the TLS-terminating proxy connects: loopback where it is trusted, else the first host."""
    networks = [ipaddress.ip_network(network) for network in site.trusted_proxies]
    for address in ("127.0.0.1", "::1"):
        if any(ipaddress.ip_address(address) in network for network in networks):
            return address
    return str(next(networks[0].hosts(), networks[0].network_address))


def tls_proxy_config(site: Site, certificate: str) -> str:
    """Return the configuration of the proxy that speaks TLS before an offloaded site; `certificate` is its path without suffix."""
    ports, source = tls_proxy_ports(site), trusted_address(site)
    own = "::1" if ":" in source else "127.0.0.1"
    address = next((host for host in site.listen.hosts if (":" in host) == (":" in source)), own)
    target = f"http://{bracketed(address)}:{site.listen.http}"
    names = " ".join(site.domains)
    https = _tls(site, ports, certificate) + _forward(target, source, "https", ports.public)
    hsts = f'        add_header Strict-Transport-Security "{site.hsts.value}" always;\n' if site.hsts.enabled else ""
    body = f"    server {{\n        server_name {names};\n{https}{hsts}    }}\n{_unknown_hosts(ports, certificate, http2=site.http2)}"
    if ports.http:
        plain = _forward(target, source, "http", 80)
        body += f"    server {{\n        listen {ports.http};\n        server_name {names};\n{plain}    }}\n"
    return _whole("tls-proxy", body)


def _tls(site: Site, ports: TlsProxyPorts, certificate: str) -> str:
    rules = profile(site.tls.profile)
    ciphers = f"        ssl_ciphers {':'.join(rules.ciphers)};\n" if rules.ciphers else ""
    return (
        f"        listen {ports.https} ssl{' http2' * site.http2};\n"
        f'        ssl_certificate "{certificate}.crt";\n        ssl_certificate_key "{certificate}.key";\n'
        f"        ssl_protocols {' '.join(rules.protocols)};\n{ciphers}"
        "        ssl_ecdh_curve X25519:prime256v1:secp384r1;\n        ssl_session_tickets off;\n"
        "        if ($ssl_server_name != $host) { return 421; }\n"
    )


def _unknown_hosts(ports: TlsProxyPorts, certificate: str, *, http2: bool) -> str:
    listens = f"        listen {ports.https} ssl{' http2' * http2} default_server;\n"
    if ports.http:
        listens += f"        listen {ports.http} default_server;\n"
    return (
        f'    server {{\n{listens}        server_name "";\n        ssl_certificate "{certificate}.crt";\n'
        f'        ssl_certificate_key "{certificate}.key";\n        return 421;\n    }}\n'
    )


def _forward(target: str, source: str, scheme: str, port: int) -> str:
    return (
        f"        location / {{\n            proxy_pass {target};\n            proxy_bind {source};\n"
        "            proxy_http_version 1.1;\n            proxy_max_temp_file_size 0;\n"
        '            proxy_set_header Connection "";\n            proxy_set_header Host $http_host;\n'
        "            proxy_set_header X-Forwarded-For $remote_addr;\n"
        f"            proxy_set_header X-Forwarded-Proto {scheme};\n"
        f"            proxy_set_header X-Forwarded-Host $http_host;\n            proxy_set_header X-Forwarded-Port {port};\n"
        "        }\n"
    )


class MockUpstreams:
    """The mock servers around a site: their configurations, files, names and addresses; `vouched` are CA files for the server."""

    def __init__(
        self,
        site: Site,
        caps: Capabilities,
        authority: Authority,
        content: Content,
        files: Callable[[Location], Served],
    ) -> None:
        self.site, self.caps, self.authority, self._files = site, caps, authority, files
        self._own: list[TestFile] = []
        self.vouched: list[TestFile] = []
        self._hosts: dict[str, None] = {}
        self._addresses: dict[str, None] = {}
        made = self._applications()
        self.upstream = made if content.upstream is None else content.upstream
        made = self._tls_proxy(content.flaw)
        self.tls_proxy = made if content.tls_proxy is None else content.tls_proxy
        self.files, self.hosts, self.addresses = tuple(self._own), tuple(self._hosts), tuple(self._addresses)

    def _applications(self) -> str:
        applications, manifests = [], {}
        for index, (target, locations) in enumerate(group_by_target(self.site.proxied).items()):
            folders = {place.path: f"{MOCK_ROOT}/app{index}-{step}" for step, place in enumerate(locations)}
            for place in locations:
                self._own += [
                    TestFile(f"{folders[place.path]}/{name}", data)
                    for name, data in self._files(place).served(place).items()
                ]
                for name in (MANIFEST, *ODD):
                    manifests[place.path + name] = self._files(place).manifest(place, name, PLACEHOLDER).decode()
            certificate = self._upstream_tls(locations, index) if target.scheme == "https" else ""
            applications.append(Application(target, folders, certificate))
            self._reach(target.host)
        return upstream_config(applications, manifests) if applications else ""

    def _reach(self, host: str) -> None:
        if host and not is_address(host):
            self._hosts[host] = None
        elif host and host != "::1" and not host.startswith("127."):
            self._addresses[host] = None

    def _upstream_tls(self, locations: list[Location], index: int) -> str:
        names = [place.upstream_name or (place.target.host if place.target else "") for place in locations]
        path = self._pair(self.authority.issue(tuple(dict.fromkeys(names))), f"app{index}")
        for place in locations:
            self.vouched.append(TestFile(place.upstream_ca or self.caps.layout.ca_bundle, self.authority.ca_pem))
        return path

    def _tls_proxy(self, flaw: Flaw | None) -> str:
        if not self.site.tls.offloaded:
            return ""
        self._reach(trusted_address(self.site))
        return tls_proxy_config(
            self.site, self._pair(self.authority.issue(self.site.domains, "ecdsa", flaw), "tls-proxy")
        )

    def _pair(self, issued: Issued, name: str) -> str:
        path = f"{MOCK_ROOT}/{name}"
        self._own += [TestFile(f"{path}.crt", issued.cert_chain_pem), TestFile(f"{path}.key", issued.key_pem, 0o600)]
        return path
