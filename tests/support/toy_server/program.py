"""The toy itself: files over HTTP/1.1 and TLS, as its configuration says; `python program.py FILE [--test]`."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')
NAME = "name_of_the_handshake"
KEYS = ("https", "http", "certificate", "public", "name", "folder", "type", "header", "unstored")


class Configuration:
    """What the files say: a list of the words of each key."""

    def __init__(self, path: str) -> None:
        self.rows: dict[str, list[list[str]]] = {key: [] for key in KEYS}
        self._read(Path(path))

    def _read(self, path: Path) -> None:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            words = [json.loads(word) if word[0] == '"' else word for word in WORD.findall(line)]
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "include":
                self._read(Path(words[1]))
            elif words[0] in self.rows:
                self.rows[words[0]].append(words[1:])
            else:
                sys.exit(f'toy: [emerg] unknown directive "{words[0]}" in {path}:{number}')

    def one(self, key: str) -> list[str]:
        """Return the words of a key that stands once."""
        return self.rows[key][0]


class Secure(BaseHTTPRequestHandler):
    """Files."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "toy", ""
    site: Configuration

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, body: bool) -> None:
        host = (self.headers["Host"] or "").partition(":")[0].lower()
        name = getattr(self.connection, NAME, "")
        if [host] not in self.site.rows["name"] or name != host:
            return self._say(421, {}, b"", body=body)
        file = self._file(unquote(urlsplit(self.path).path))
        if file is None:
            return self._say(404, {}, b"", body=body)
        data, kinds = file.read_bytes(), dict(self.site.rows["type"])
        own = {
            "Content-Type": kinds.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "text/html",
            "ETag": f'"{hashlib.sha256(data).hexdigest()[:20]}"',
        }
        own |= {"Accept-Ranges": "bytes", "Cache-Control": "no-cache"}
        if [file.suffix] in self.site.rows["unstored"]:
            own["Cache-Control"] = "no-store"
        if self.headers["If-None-Match"] == own["ETag"]:
            return self._say(304, own, b"", body=False)
        return self._part(own, data, body=body)

    def _part(self, own: dict[str, str], data: bytes, *, body: bool) -> None:
        wanted = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers["Range"] or "")
        if not wanted or self.headers["If-Range"] not in (None, own["ETag"]) or not body:
            return self._say(200, own, data, body=body)
        first, last = wanted[1], wanted[2]
        begin = int(first) if first else max(0, len(data) - int(last or 0))
        end = min(int(last), len(data) - 1) if first and last else len(data) - 1
        if begin > end:
            return self._say(416, {"Content-Range": f"bytes */{len(data)}"}, b"", body=body)
        return self._say(
            206, own | {"Content-Range": f"bytes {begin}-{end}/{len(data)}"}, data[begin : end + 1], body=body
        )

    def _file(self, path: str) -> Path | None:
        for prefix, root in sorted(self.site.rows["folder"], key=lambda row: -len(row[0])):
            if path.startswith(prefix) and ".." not in path and "/." not in path:
                file = Path(root) / (path[len(prefix) :] or "index.html")
                return file if file.is_file() else None
        return None

    def _say(self, status: int, own: dict[str, str], data: bytes, *, body: bool) -> None:
        self.send_response(status)
        for name, value in {**own, **dict(self.site.rows["header"])}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


class Plain(Secure):
    """The way to https."""

    def _answer(self, *, body: bool) -> None:
        self._say(301, {"Location": self.site.one("public")[0] + self.path}, b"", body=body)


def main(path: str, *rest: str) -> None:
    """Test the configuration, and serve unless that was all."""
    site = Secure.site = Configuration(path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    tls.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    tls.set_alpn_protocols(["http/1.1"])
    tls.load_cert_chain(*site.one("certificate"))

    def named(connection: ssl.SSLObject, name: str | None, _: object) -> None:
        setattr(connection, NAME, (name or "").lower())

    tls.sni_callback = named
    if rest == ("--test",):
        return
    secure = ThreadingHTTPServer(("127.0.0.1", int(site.one("https")[0])), Secure)
    secure.socket = tls.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
    plain = ThreadingHTTPServer(("127.0.0.1", int(site.one("http")[0])), Plain)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    secure.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
