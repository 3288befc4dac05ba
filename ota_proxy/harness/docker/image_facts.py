"""What an image holds, read by one throw-away container: servers, their TLS library in use, and where files are expected."""

from __future__ import annotations

from dataclasses import dataclass

from ota_proxy.errors import NoVerdictError, OtaError
from ota_proxy.hosts.answers import version
from ota_proxy.policy import capabilities
from ota_proxy.policy.capabilities import Capabilities

# Each line answers one question as NAME=VALUE; what is not there stays empty. The library is found through the dynamic
# linker and asked for its own version text: `-V` says what the server was built with, not what it runs with.
SCRIPT = r"""
library() {
    path=$(ldd "$1" 2>/dev/null | grep -o '/[^ ]*libcrypto\.so[^ ]*' | head -n 1)
    tr -cs '[:print:]' '\n' <"${path:-$1}" 2>/dev/null |
        grep -oE '(OpenSSL|LibreSSL|BoringSSL) [0-9]+\.[0-9]+\.[0-9]+[a-z]*' | head -n 1
}
nginx=$(command -v nginx)
apache=$(command -v apache2 || command -v httpd)
ssl=$(ls /usr/lib/apache2/modules/mod_ssl.so /usr/local/apache2/modules/mod_ssl.so /etc/httpd/modules/mod_ssl.so 2>/dev/null)
echo "nginx=$([ -n "$nginx" ] && "$nginx" -v 2>&1 | head -n 1)"
echo "nginx_tls=$([ -n "$nginx" ] && library "$nginx")"
echo "nginx_compressors=$([ -n "$nginx" ] && { "$nginx" -V 2>&1 | tr ' ' '\n' | grep -e --add-module
    "$nginx" -T 2>/dev/null | grep -E '^[[:space:]]*load_module'; } | grep -v static | grep -oE 'brotli|zstd' | sort -u | tr '\n' ' ')"
echo "apache=$([ -n "$apache" ] && "$apache" -v 2>&1 | head -n 1)"
echo "apache_tls=$([ -n "$ssl" ] && library "$ssl")"
echo "debian_nginx=$([ -d /etc/nginx/sites-enabled ] && echo yes)"
echo "debian_apache=$([ -f /etc/apache2/apache2.conf ] && echo yes)"
echo "official_apache=$([ -f /usr/local/apache2/conf/httpd.conf ] && echo yes)"
echo "rhel=$([ -f /etc/redhat-release ] && echo yes)"
echo "end=yes"
"""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What `SCRIPT` found, empty where there is nothing. Versions are numbers, TLS libraries `openssl-3.0.19`."""

    image: str
    versions: dict[str, str]
    tls: dict[str, str]
    layouts: dict[str, str]
    compressors: tuple[str, ...] = ()
    """Those of nginx's modules that compress and are built in or loaded."""

    def capabilities(self, server: str) -> Capabilities:
        """Look the server up in the capability table; NoVerdictError when the image has no such server, or an unknown one."""
        if not self.versions[server]:
            raise NoVerdictError(
                f"the image {self.image} has no {server}", place="docker", hint="take another one with --image"
            )
        try:
            known = capabilities.resolve(server, self.versions[server], self.tls[server], self.layouts[server])
            return capabilities.with_compressors(known, self.compressors if server == "nginx" else (), all_known=True)
        except OtaError as error:
            raise NoVerdictError(f"the image {self.image} cannot be used: {error.message}", place="docker") from error


def read(image: str, output: str) -> ImageFacts:
    """Make facts of what `SCRIPT` wrote; NoVerdictError when it did not come to its end."""
    said = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    if said.get("end") != "yes":
        raise NoVerdictError(
            f"the image {image} cannot be looked into: {output.strip() or 'it has no /bin/sh'}", place="docker"
        )
    rhel = "rhel" if said["rhel"] else ""
    return ImageFacts(
        image=image,
        versions={server: version(said[server]) or "" for server in ("nginx", "apache")},
        tls={server: said[f"{server}_tls"].lower().replace(" ", "-") for server in ("nginx", "apache")},
        layouts={
            "nginx": rhel or ("debian" if said["debian_nginx"] else "official"),
            "apache": rhel or ("debian" if said["debian_apache"] else "official"),
        },
        compressors=tuple(said.get("nginx_compressors", "").split()),
    )
