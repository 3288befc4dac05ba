"""What the handshake decides: protocols by the socket's default server, the certificate by the name that is asked for."""

from __future__ import annotations

import posixpath
from typing import Final

from ota_proxy.servers.answered import TlsSettings, Unknown
from ota_proxy.servers.nginx.answering.levels import Level, NotGivenError
from ota_proxy.servers.nginx.answering.listening import Socket
from ota_proxy.servers.nginx.tree import Node, Tree

_RISING: Final = ("SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")


def settings(socket: Socket, server: Level, tree: Tree) -> tuple[TlsSettings, tuple[Unknown, ...]]:
    """Return the protocols and the certificate, and what of them is not known."""
    unknown: list[Unknown] = []
    protocols, node = _protocols(socket, server, tree, unknown)
    certificate = _certificate(server, tree, unknown)
    return TlsSettings(protocols, certificate, node.span if node else None), tuple(unknown)


def _protocols(
    socket: Socket, server: Level, tree: Tree, unknown: list[Unknown]
) -> tuple[tuple[str, ...] | None, Node | None]:
    """Return the union of the default server's `ssl_protocols`; a named server's own counts since 1.29.2 only."""
    try:
        decisive, own = socket.first.find("ssl_protocols"), server.find("ssl_protocols")
    except NotGivenError:
        decisive = own = []
    if not decisive or any(hole.about == "tls" for hole in tree.holes):
        unknown.append(
            Unknown("tls.protocols: nothing says `ssl_protocols`: nginx's version and its TLS library decide")
        )
        return None, None
    names, others = _named(decisive), _named(own)
    if names != others:
        span = own[-1].span if own else decisive[-1].span
        unknown.append(
            Unknown(
                f"tls.protocols: before nginx 1.29.2 the default server of port {socket.port} decides, since then this one",
                span,
            )
        )
        return None, decisive[-1]
    return names, decisive[-1]


def _named(nodes: list[Node]) -> tuple[str, ...]:
    names = {arg for node in nodes for arg in node.args}
    return tuple(name for name in _RISING if name in names)


def _certificate(server: Level, tree: Tree, unknown: list[Unknown]) -> str | None:
    try:
        found = server.find("ssl_certificate")
    except NotGivenError:
        found = []
    if not found:
        unknown.append(Unknown("tls.certificate: no `ssl_certificate` is in the files"))
        return None
    if len(found) > 1 or "$" in found[0].args[0] or found[0].args[0].startswith("data:"):
        unknown.append(Unknown("tls.certificate: the client decides which one it gets", found[0].span))
        return None
    return posixpath.normpath(posixpath.join(tree.prefix, found[0].args[0]))
