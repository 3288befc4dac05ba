"""What a distribution's defaults reach into a site with: everything its packages bring is switched on, and the site stays as rendered."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Started, Trial, start
from ota_proxy.policy.capabilities import resolve, with_compressors
from tests.container.faults.model import SMALL, checked
from tests.support.reloading import inside, reload
from tests.support.reports import failed, ids
from tests.support.suites import SUITES
from tests.support.variants import variant

pytestmark = pytest.mark.container

HOST = "ota.example.com"
TAKEN = ("icons", "javascript", "error", "cgi-bin", "~root", "manual")
"""Paths that Debian's and Red Hat's packages map to folders of their own, for the whole server."""
APACHE = """\
a2enmod -q userdir cgid actions autoindex negotiation mime_magic speling vhost_alias cache cache_disk info status dav dav_fs proxy_balancer lbmethod_byrequests slotmem_shm proxy_html >/dev/null
a2enconf -q charset javascript-common localized-error-pages security serve-cgi-bin >/dev/null
cat >/etc/apache2/conf-enabled/zz-red-hat.conf <<'END'
Alias /manual /usr/share/doc
Alias /error/ /usr/share/apache2/error/
Alias /.noindex.html /usr/share/httpd/noindex/index.html
<LocationMatch "^/+$">
    Options -Indexes
    ErrorDocument 403 /.noindex.html
</LocationMatch>
DirectoryIndex index.php
AddType text/html .php
FallbackResource /index.php
END
. /etc/apache2/envvars; apache2 -t
"""
NGINX = (
    'add_header X-Enclosing yes always; add_header Cache-Control "public, max-age=31536000" always;\n'
    "gzip_types *; gzip_min_length 1; gzip_proxied any; expires 1y; etag off; charset utf-8; charset_types *; autoindex on;\n"
    "open_file_cache max=100; error_page 404 /enclosing.html; index enclosing.html; client_max_body_size 1;\n"
)
BROTLI = "brotli on; brotli_types *; brotli_min_length 1;\n"
LOADED = "load_module modules/ngx_http_brotli_filter_module.so;\n"


def page(folder: str) -> TestFile:
    return TestFile(f"/srv/ota/{folder}/app.ipa", f"of the site, in {folder}".encode())


def get(started: Started, path: str) -> tuple[int, bytes]:
    """Return status and body of one verified request."""
    context = ssl.create_default_context(cadata=started.prepared.ca_pem.decode())
    address = started.running.endpoint.resolve[HOST, 443]
    connection = http.client.HTTPSConnection(HOST, context=context)
    with socket.create_connection(address, 20) as plain, context.wrap_socket(plain, server_hostname=HOST) as secure:
        connection.sock = secure
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


@contextmanager
def everything_on(engine: DockerEngine, edit: Callable[[str], str] | None = None) -> Iterator[Started]:
    """Run a site whose root is `/` on an Apache with all that Debian brings switched on by a graceful reload."""
    trial = Trial("apache", SMALL, content=Content(extra=tuple(map(page, TAKEN))), asked=resolve("apache"), edit=edit)
    with start(trial, engine, lambda _: None) as started:
        inside(started, APACHE)
        reload(started, "apache")
        assert started.running.alive(), started.running.logs()
        yield started


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_that_debian_brings_for_apache_takes_a_file_away(
    suite: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    with everything_on(engine_of(suite)) as started:
        for folder in TAKEN:
            assert get(started, f"/{folder}/app.ipa") == (200, page(folder).data)
        assert get(started, "/nothing.php")[0] == 404
        assert failed(checked(started)) == []


def test_without_an_alias_of_the_host_the_server_s_own_would_win(engine_of: Callable[[str], DockerEngine]) -> None:
    def edit(text: str) -> str:
        line = '    Alias "/" "/srv/ota/"\n'
        assert line in text
        return text.replace(line, "")

    with everything_on(engine_of("trixie"), edit) as started:
        assert {get(started, f"/{folder}/app.ipa")[0] for folder in ("icons", "javascript", "error", "manual")} == {404}


@pytest.mark.parametrize("suite", SUITES)
def test_nothing_in_the_http_block_around_it_reaches_into_a_site_of_nginx(
    suite: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    """`hsts` is off here, so that the servers have no header of their own that would keep the enclosing configuration's away."""
    enclosing = TestFile("/etc/nginx/conf.d/00-enclosing.conf", NGINX.encode())
    site = variant("static", hsts={"enabled": False})
    report = verify(Trial("nginx", site, content=Content(extra=(enclosing,))), engine_of(suite), lambda _: None)
    assert {one for one in failed(report) if not one.startswith("OTA219")} == set()
    assert report.facts is not None
    walk = report.facts.install
    assert walk is not None
    assert walk.manifest is not None
    for visit, kept in ((walk.manifest.visit, "no-store"), (walk.packages[0].get, "no-cache")):
        assert visit.response is not None
        assert visit.response.headers_all("cache-control") == (kept,)
        assert visit.response.headers_all("x-enclosing") == ()


@pytest.mark.parametrize("suite", ["bookworm", "trixie", "forky"])
def test_brotli_in_the_http_block_is_found_and_with_the_module_named_switched_off(
    suite: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    engine = engine_of(suite)
    enclosing = (
        TestFile("/etc/nginx/modules-enabled/50-brotli.conf", LOADED.encode()),
        TestFile("/etc/nginx/conf.d/00-brotli.conf", BROTLI.encode()),
    )
    trial = Trial("nginx", SMALL, content=Content(extra=enclosing), asked=resolve("nginx"))
    assert ids(verify(trial, engine, lambda _: None)) == {"OTA409", "OTA605"}
    named = replace(trial, asked=with_compressors(resolve("nginx"), ["brotli"], all_known=False))
    assert failed(verify(named, engine, lambda _: None)) == []
