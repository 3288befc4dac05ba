"""Generated nginx configurations, a real nginx that serves many of them at once, and both answers side by side."""

from __future__ import annotations

import random
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

from ota_proxy.servers.answered import Answered
from ota_proxy.servers.nginx.answering.request import asked
from ota_proxy.servers.nginx.effective import effective
from ota_proxy.servers.nginx.tree import load

NOT_COMPARED = {"date", "connection", "transfer-encoding", "keep-alive"}
"""The time, and what concerns one connection only."""
FILES = {
    "index.html": "<html>start</html>" + " " * 40,
    "ota/app.ipa": "PK" + "x" * 3000,
    "ota/app.plist": "<?xml version='1.0'?><plist/>" + "x" * 1200,
    "ota/app.PLIST": "big",
    "ota/index.html": "<html>ota</html>",
    "ota/a b.txt": "blank",
    "ota/noext": "none",
    "ota/sub/icon.png": "png",
    "ota/style.css": "body{}" * 300,
    "errors/404.html": "<html>not there</html>",
    "errors/e.txt": "sorry",
    "empty/.keep": "",
    "pw": "a:b",
    "list/x.ipa": "ipa",
    "ota/style.css.gz": "gz",
}
TYPES = "types { text/html html htm; text/plain txt; image/png png; text/css css; application/x-plist plist; }"
PATHS = (
    *(
        "/",
        "/ota/",
        "/ota",
        "/ota/app.ipa",
        "/ota/app.plist",
        "/ota/app.PLIST",
        "/ota/app.plist?x=1&y=2",
        "/ota/a%20b.txt",
    ),
    *(
        "/ota/noext",
        "/ota/none.ipa",
        "/none",
        "/empty/",
        "/list/",
        "/list",
        "/ota/sub/icon.png",
        "/ota/style.css",
        "/x/../ota/app.ipa",
    ),
    *(
        "//ota//app.plist",
        "/ota/%2e%2e/index.html",
        "/old/app.ipa",
        "/old",
        "/api/v1?x=1",
        "/api/",
        "/api",
        "/ota/sub/",
        "/ota/sub",
        "/a",
    ),
    *(
        "/ota/app.plist?token=abc",
        "/OTA/app.ipa",
        "/ota/./app.ipa",
        "/errors/404.html",
        "/named/x",
        "/deep/er/app.ipa",
        "/..",
        "/%",
    ),
)
FIELDS = (
    *((), (), (), (), ("Accept-Encoding: gzip",), ("Range: bytes=0-9",), ("Range: bytes=5-",), ("Range: bytes=-5",)),
    *(
        ("Range: bytes=999999-",),
        ("User-Agent: com.apple.appstored/1.0 iOS/17",),
        ("X-Token: secret",),
        ("If-None-Match: *",),
    ),
    *(
        ("Cookie: a=1; session=abc",),
        ("Accept-Encoding: gzip", "Range: bytes=0-1"),
        ('If-None-Match: "x"',),
        ("Authorization: Bearer x",),
    ),
)


@dataclass(frozen=True)
class Real:
    """What the real server sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass
class Case:
    """One generated server block and what is asked of it."""

    name: str
    text: str
    requests: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)
    """Method, target, fields."""


class Maker:
    """Writes server blocks at random; the same seed writes the same ones."""

    def __init__(self, seed: int, root: Path, upstream: int, without: tuple[str, ...] = ()) -> None:
        self.random = random.Random(seed)  # noqa: S311  # nothing is kept secret by it
        self.root = root
        self.without = without
        self.upstream = upstream

    def maybe(self, chance: float = 0.3) -> bool:
        return self.random.random() < chance

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def some(self, *choices: str, most: int = 3) -> list[str]:
        return self.random.sample(choices, k=self.random.randint(0, min(most, len(choices))))

    def headers(self) -> list[str]:
        return self.some(
            *(
                "add_header Cache-Control no-cache;",
                "add_header Cache-Control no-store always;",
                'add_header X-A "a b";',
            ),
            *(
                "add_header X-B $uri always;",
                "add_header Content-Type text/xml;",
                'add_header X-Empty "";',
                "add_header X-Arg $arg_x;",
            ),
            *(
                'add_header Strict-Transport-Security "max-age=63072000" always;',
                "add_header X-Host $host:$server_port;",
            ),
            *(
                "add_header Last-Modified $kind;",
                'add_header ETag "";',
                "add_header X-Kind $kind;",
                "add_header X-Ext $ext;",
            ),
            *(
                "add_header X-Query $is_args$args;",
                "add_header X-Sent $sent_http_content_type;",
                "add_header X-File $request_filename;",
            ),
            *(
                "add_header X-Name $server_name;",
                "add_header X-Ua $http_user_agent;",
                'add_header Content-Disposition "attachment; filename=$1";',
            ),
        )

    def common(self) -> list[str]:
        lines = self.headers() if self.maybe(0.5) else []
        lines += (
            self.some(
                *(
                    "expires 1h;",
                    "expires -1;",
                    "expires epoch;",
                    "expires max;",
                    "expires off;",
                    "expires 0;",
                    "expires $life;",
                    "expires 1d2h;",
                ),
                most=1,
            )
            if self.maybe(0.3)
            else []
        )
        lines += (
            [
                self.one(
                    "types { }",
                    TYPES,
                    "types { text/xml plist; application/octet-stream ipa; }",
                    "types { text/x PLIST; }",
                )
            ]
            if self.maybe(0.25)
            else []
        )
        lines += (
            [f"default_type {self.one('text/xml', 'application/octet-stream', 'text/html', repr(''))};"]
            if self.maybe(0.2)
            else []
        )
        lines += [f"charset {self.one('utf-8', 'off', 'koi8-r')};"] if self.maybe(0.15) else []
        lines += [f"etag {self.one('on', 'off')};"] if self.maybe(0.1) else []
        lines += [f"max_ranges {self.one('0', '1', '5')};"] if self.maybe(0.1) else []
        lines += [f"gzip {self.one('on', 'on', 'off')};"] if self.maybe(0.2) else []
        lines += (
            [f"gzip_types {self.one('text/xml', '*', 'text/css text/plain', 'application/x-plist')};"]
            if self.maybe(0.15)
            else []
        )
        lines += [f"gzip_min_length {self.one('0', '20', '2000')};"] if self.maybe(0.1) else []
        lines += [f"gzip_vary {self.one('on', 'off')};"] if self.maybe(0.1) else []
        lines += [f"gzip_static {self.one('on', 'off', 'always')};"] if self.maybe(0.07) else []
        lines += [f"autoindex {self.one('on', 'off')};"] if self.maybe(0.15) else []
        lines += (
            [
                f"index {self.one('index.html', 'none.html index.html', 'none.html', 'none.html /index.html', '$ext.html index.html')};"
            ]
            if self.maybe(0.15)
            else []
        )
        lines += [f"absolute_redirect {self.one('on', 'off')};"] if self.maybe(0.1) else []
        lines += [f"port_in_redirect {self.one('on', 'off')};"] if self.maybe(0.1) else []
        lines += [f"server_name_in_redirect {self.one('on', 'off')};"] if self.maybe(0.07) else []
        lines += [f"server_tokens {self.one('on', 'off')};"] if self.maybe(0.15) else []
        lines += self.access() if self.maybe(0.12) else []
        lines += self.error_pages() if self.maybe(0.25) else []
        lines += [self.one("sub_filter a b;")] if self.maybe(0.03) else []
        return [line for line in lines if not line.startswith(self.without)]

    def access(self) -> list[str]:
        secret = f" auth_basic_user_file {self.root}/pw;"
        return [
            self.one(
                *(
                    line + secret * ("auth_basic" in line)
                    for line in (
                        "deny all;",
                        "allow all;",
                        'auth_basic "Builds";',
                        "auth_basic off;",
                        "satisfy any; deny all; auth_basic x;",
                        "satisfy any; allow all; auth_basic x;",
                        "auth_basic '';",
                    )
                )
            )
        ]

    def error_pages(self) -> list[str]:
        return self.some(
            *(
                "error_page 404 /errors/404.html;",
                "error_page 404 = /ota/;",
                "error_page 404 =200 /errors/e.txt;",
                "error_page 403 404 /none.html;",
            ),
            *(
                "error_page 404 @named;",
                "error_page 404 =410 @named;",
                "error_page 403 =302 https://else.example/x;",
                "error_page 404 https://else.example$uri;",
            ),
            *(
                "error_page 401 = @named;",
                "error_page 405 =204 @named;",
                "error_page 301 /errors/e.txt;",
                "error_page 416 /errors/e.txt;",
            ),
            *("error_page 404 =301 /errors/404.html;", "recursive_error_pages on;", "error_page 500 /errors/e.txt;"),
            most=2,
        )

    def rewrites(self, *, location: bool) -> list[str]:
        lines = self.some(
            *(
                "set $kind manual;",
                'set $x "$kind-$arg_x";',
                "rewrite ^/old/(.*)$ /ota/$1;",
                "rewrite ^/old/(.*)$ /ota/$1 last;",
            ),
            *(
                "rewrite ^/old/(.*)$ /ota/$1 break;",
                "rewrite ^/old/(.*)$ /ota/$1 permanent;",
                "rewrite ^/old/(.*)$ https://h.example/$1 redirect;",
            ),
            *(
                "rewrite ^/old$ /ota/app.plist?new=1;",
                "rewrite ^/old$ /ota/app.plist?;",
                "rewrite ^/named/(.*) /ota/$1?n=$1 last;",
                "rewrite ^(/deep)/ $1/x redirect;",
            ),
            *(
                "if ($arg_x) { return 302 /ota/$arg_x; }",
                "if ($request_method = POST) { return 405; }",
                "if ($http_user_agent ~* ios/(\\d+)) { set $kind $1; }",
            ),
            *(
                'if ($uri ~ "\\.ipa$") { set $kind ipa; }',
                "if ($http_x_token = secret) { return 200 ok; }",
                'if ($cookie_session != "") { rewrite ^ /index.html break; }',
            ),
            *(
                "if (-f $request_filename) { set $kind there; }",
                "if (!-e $request_filename) { return 404; }",
                "if (-d $request_filename) { set $kind folder; }",
            ),
        )
        if location:
            lines += (
                self.some(
                    *(
                        "if ($uri ~* plist) { add_header X-If plist; }",
                        "if ($arg_y) { expires 2h; }",
                        'if ($args ~ "x=(\\d)") { add_header X-Match $1 always; }',
                    ),
                    *(
                        "if ($uri ~ ipa) { return 403; }",
                        "if ($uri ~ css) { break; }",
                        f"if ($arg_x) {{ root {self.root}/ota; }}",
                        "return 200 $kind;",
                    ),
                    most=1,
                )
                if self.maybe(0.4)
                else []
            )
        self.random.shuffle(lines)
        return lines

    def ends(self) -> list[str]:
        return [
            self.one(
                *(
                    "return 200 hello;",
                    "return 301 https://$host$request_uri;",
                    "return 302 /ota/;",
                    "return 404;",
                    'return 403 "no";',
                    "return 204;",
                ),
                *(
                    "return https://else.example/;",
                    "return 308 https://else.example$uri$is_args$args;",
                    "return 410;",
                    "return 503;",
                    'return 200 "$uri $args";',
                    "return 307 $uri/;",
                ),
                *(
                    "try_files $uri =404;",
                    "try_files $uri $uri/ /index.html;",
                    "try_files /none $uri @named;",
                    "try_files $uri.html $uri/index.html $uri =403;",
                    "try_files $uri /ota/app.plist?x=1;",
                    "try_files $uri $uri/ @none;",
                ),
                *(
                    f"alias {self.root}/ota/;",
                    f"alias {self.root}/ota/;",
                    f"root {self.root}/ota;",
                    f"alias {self.root}/list;",
                    "internal;",
                ),
                *(
                    f"proxy_pass http://127.0.0.1:{self.upstream};",
                    f"proxy_pass http://127.0.0.1:{self.upstream}/base/;",
                    f"proxy_pass http://127.0.0.1:{self.upstream}/b;",
                ),
                *("limit_except GET { deny all; }", "limit_except POST { deny all; }", "", "", "", ""),
            )
        ]

    def location(self, depth: int = 0, inside: str = "") -> str:
        kind = self.random.random()
        regex = False
        if kind < 0.15:
            name = "= " + self.one(*PATHS).partition("?")[0].replace("%20", "").replace("%", "")
        elif kind < 0.65:
            name = self.one("", "", "^~ ") + self.one(
                "/", "/ota/", "/ota", "/ota/app", "/old/", "/api/", "/api", "/list/", "/ota/sub", "/errors/", "/deep/"
            )
        else:
            regex = True
            name = self.one(
                "~ \\.plist$",
                "~* \\.(ipa|plist)$",
                "~ ^/ota/(.*)$",
                "~ /(\\w+)\\.ipa$",
                "~* \\.PNG$",
                "~ ^/(?<first>[a-z]+)/",
                "~ .",
                "~* ^/api",
            )
        if inside:
            name = self.one(
                "~ \\.plist$",
                "~* \\.ipa$",
                f"{inside.rstrip('/')}/app",
                f"= {inside.rstrip('/')}/app.plist",
                f"{inside.rstrip('/')}/sub/",
            )
            regex = name.startswith("~")
        lines = self.common() if self.maybe(0.6) else []
        lines += self.rewrites(location=True) if self.maybe(0.3) else []
        end = self.ends()[0] if self.maybe(0.75) else ""
        if regex and end.startswith("proxy_pass"):
            end = f"proxy_pass http://127.0.0.1:{self.upstream};"
        if regex and end.startswith("alias"):
            end = f"alias {self.root}/ota/$1;" if "(" in name else ""
        if end.startswith(("alias", "root")) and any("root " in line for line in lines):
            end = ""
        lines.append(end)
        if depth == 0 and not regex and not name.startswith("=") and self.maybe(0.3):
            lines.append(self.location(1, name.split()[-1]))
        return f"location {name} {{\n" + "".join(f"      {line}\n" for line in _singles(lines) if line) + "    }"

    def case(self, number: int) -> Case:
        name = f"c{number}.test"
        lines = [*self.common(), *(self.rewrites(location=False) if self.maybe(0.25) else [])]
        if self.maybe(0.08):
            lines.append(self.ends()[0])
            lines = [line for line in lines if not line.startswith(("alias", "internal", "proxy_pass", "limit_except"))]
        names = set()
        for _ in range(self.random.randint(0, 4)):
            text = self.location()
            head = text.partition("{")[0]
            if head not in names:
                names.add(head)
                lines.append(text)
        lines.append(
            "location @named { "
            + self.one(
                "return 200 named;",
                "try_files /ota/app.plist =404;",
                "add_header X-Named 1 always; return 404;",
                f"proxy_pass http://127.0.0.1:{self.upstream};",
                "rewrite ^ /errors/e.txt;",
            )
            + " }"
        )
        if self.maybe(0.2):
            lines.append('set $kind "";')
        lines = _singles(lines)
        if not any(line.startswith("root ") for line in lines):
            lines.append(f"root {self.root};")
        text = (
            f"  server {{\n    listen 127.0.0.1:@PORT@;\n    server_name {name} *.{name};\n"
            + "".join(f"    {line}\n" for line in lines)
            + "  }\n"
        )
        case = Case(name, text)
        for _ in range(6):
            case.requests.append((self.one("GET", "GET", "GET", "HEAD"), self.one(*PATHS), self.random.choice(FIELDS)))
        return case

    def http(self) -> str:
        lines = _singles([line for line in self.common() if not line.startswith("error_page")])
        if any("types" in line for line in lines if line.startswith("types")) is False and self.maybe(0.7):
            lines.append(TYPES)
        return "".join(f"  {line}\n" for line in lines)


_REPEATED = ("add_header", "location", "rewrite", "if ", "set ", "error_page", "return", "allow", "deny", "satisfy")


def _singles(lines: list[str]) -> list[str]:
    """Leave out directives that nginx takes once per level only."""
    seen: set[str] = set()
    kept = []
    for line in lines:
        name = line.split(" ")[0].rstrip(";")
        name = "root" if name == "alias" else name
        if line and (line.startswith(_REPEATED) or name not in seen):
            kept.append(line)
            seen.add(name)
    return kept


HEAD = """worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
daemon off;
master_process off;
events {{ worker_connections 200; }}
http {{
  access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server_names_hash_bucket_size 128; variables_hash_max_size 2048;
  map $uri $ext {{ default none; "~\\.(?<e>[a-z]+)$" $e; /ota/ folder; }}
  map $http_user_agent $device {{ default other; ~*appstored phone; }}
  map $sent_http_content_type $life {{ default off; text/html epoch; ~xml 1h; application/octet-stream max; }}
  map $device $kind_of {{ phone p; default d; }}
  server {{ listen 127.0.0.1:{upstream}; location / {{ add_header X-Up 1; return 200 "$request_uri"; }} }}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def make_files(root: Path) -> None:
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def accepted(nginx: str, conf: Path) -> str:
    """Return what `nginx -t` has against a configuration, empty where it takes it."""
    done = subprocess.run(
        [nginx, "-t", "-q", "-p", f"{conf.parent}/", "-c", str(conf)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return "" if done.returncode == 0 else done.stderr


@contextmanager
def running(nginx: str, conf: Path, port: int) -> Iterator[None]:
    """Run a real nginx on a configuration."""
    process = subprocess.Popen([nginx, "-p", f"{conf.parent}/", "-c", str(conf)], stderr=subprocess.PIPE)
    try:
        for _ in range(200):
            if process.poll() is not None:
                raise RuntimeError((process.stderr.read() if process.stderr else b"").decode())
            with socket.socket() as one:
                if one.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()


def ask_real(port: int, host: str, method: str, target: str, fields: tuple[str, ...]) -> Real | None:
    """Return what the server sends; None where it closes the connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", f"{host}:{port}")
        for one in fields:
            name, _, value = one.partition(": ")
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        return Real(answer.status, tuple((name.lower(), value) for name, value in answer.getheaders()), body)
    except OSError:
        return None
    finally:
        connection.close()


@dataclass
class Score:
    """How the answers compare: `fields` that the real server had, `unknown` of them that we did not know, and what was wrong."""

    fields: int = 0
    unknown: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Score) -> None:
        self.fields += other.fields
        self.unknown += other.unknown
        self.wrong += other.wrong


def compare(ours: Answered, real: Real, *, same_body: bool = True) -> Score:
    """Count what is right, unknown and wrong."""
    score = Score()
    _count(score, "status", [] if ours.status is None else [ours.status], [real.status], doubted=ours.status is None)
    doubted = {one.field for one in ours.unknown}
    theirs = [(name, value) for name, value in real.headers if name not in NOT_COMPARED]
    known = [(one.name, one.value) for one in ours.headers if one.name not in NOT_COMPARED]
    for name in dict.fromkeys([*(name for name, _ in theirs), *(name for name, _ in known)]):
        really = [value for one, value in theirs if one == name]
        said = [value for one, value in known if one == name]
        if name == "expires" and len(said) == len(really) and "cache-control" not in doubted:
            continue  # it counts from the time of the answer
        _count(score, name, said, really, doubted=name in doubted or "headers" in doubted)
    if ours.upstream:  # what an upstream decides is not known on purpose
        score.unknown = 0
    _compare_bodies(ours, real, score, same_body=same_body)
    return score


def _count(score: Score, name: str, said: Sequence[object], really: Sequence[object], *, doubted: bool) -> None:
    score.fields += max(len(really), 1)
    if doubted:
        score.unknown += max(len(really), 1)
    if any(value is not None and value not in really for value in said) if doubted else list(said) != list(really):
        score.wrong.append(f"{name}: {said}, really {really}")


def _compare_bodies(ours: Answered, real: Real, score: Score, *, same_body: bool) -> None:
    """Hold the file and the upstream's URL against what was sent: each file has a content of its own, the upstream answers with what it was asked."""
    fields = dict(real.headers)
    if real.status != 200 or not real.body:
        return
    if ours.file_served and same_body and "content-encoding" not in fields:
        _count(score, "file_served", [Path(ours.file_served).read_bytes()], [real.body], doubted=False)
    if ours.upstream and "x-up" in fields:
        path = re.sub(r"^https?://[^/]*", "", ours.upstream) or "/"
        _count(score, "upstream", [path.encode()], [real.body], doubted=False)


@dataclass(frozen=True)
class Batch:
    """Server blocks that one nginx takes, and how they are served."""

    conf: Path
    http: str
    cases: list[Case]
    port: int


MODULES = {"--with-http_gzip_static_module": "gzip_static", "--with-http_sub_module": "sub_filter"}
"""Flag of `configure` → the directive that comes with it."""


def lacking(nginx: str) -> tuple[str, ...]:
    """Return the directives that an nginx was built without."""
    said = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    return tuple(name for flag, name in MODULES.items() if flag not in said)


def generated(seed: int, size: int, folder: Path, nginx: str) -> Batch:
    """Write `size` server blocks at random, without those that nginx does not take."""
    make_files(folder / "www")
    upstream, port = free_port(), free_port()
    maker = Maker(seed, folder / "www", upstream, lacking(nginx))
    made = (maker.http(), [maker.case(number) for number in range(size)])
    return batch(folder, nginx, HEAD.format(folder=folder, upstream=upstream), made[0], made[1], port)


def batch(folder: Path, nginx: str, head: str, http: str, cases: list[Case], port: int) -> Batch:  # noqa: PLR0913, PLR0917
    """Write one file with the server blocks that nginx takes, found by halves: one test of the configuration for many."""
    conf = folder / "nginx.conf"

    def taken(some: list[Case]) -> list[Case]:
        conf.write_text(head + http + "".join(case.text.replace("@PORT@", str(port)) for case in some) + "}\n")
        if not some or not accepted(nginx, conf):
            return some
        half = len(some) // 2
        return [*taken(some[:half]), *taken(some[half:])] if half else []

    kept = taken(cases)
    while len(again := taken(kept)) < len(kept):
        kept = again
    conf.write_text(head + http + "".join(case.text.replace("@PORT@", str(port)) for case in kept) + "}\n")
    return Batch(conf, http, kept, port)


def judged(batched: Batch, nginx: str, version: str) -> tuple[Score, list[str]]:
    """Serve and ask one batch; return the score and, for each wrong answer, the case as a person would file it."""
    score, reports = Score(), []
    tree = load(batched.conf)
    with running(nginx, batched.conf, batched.port):
        for case in batched.cases:
            for method, target, fields in case.requests:
                real = ask_real(batched.port, case.name, method, target, fields)
                if real is None:
                    continue
                question = asked(f"http://{case.name}:{batched.port}{target}", method, fields)
                one = compare(
                    effective(tree, question, version=version),
                    real,
                    same_body="sub_filter" not in batched.http + case.text,
                )
                score.add(one)
                if one.wrong:
                    reports.append(
                        f"{method} {target} {fields}\n  " + "\n  ".join(one.wrong) + f"\n{batched.http}{case.text}"
                    )
    return score, reports
