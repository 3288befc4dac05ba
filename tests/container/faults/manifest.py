# ruff: noqa: ANN401 - helpers pass further fields of a fault, or keys of a property list, on
"""Faults of the manifest: whether it comes, what it is, what it says, what it comes with."""

from __future__ import annotations

import hashlib
import plistlib
from collections.abc import Callable, Mapping
from typing import Any

from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP, build_package
from ota_proxy.harness.served import Content
from tests.container.faults import nginx_edits
from tests.container.faults.model import SMALL, Door, Fault, both, fault, replaced
from tests.support.variants import ECDSA, PROXIED, STATIC, variant

ROOT = r'^( *)DocumentRoot "/srv/ota"'
"""Where something for the whole virtual host can be put into Apache's text."""
BASE = "https://ota.example.com"
OTHER = "cdn.example.com"

Change = Callable[[dict[str, Any]], object]
"""What is changed in the dictionary of a good manifest, in place."""


def written(change: Change) -> Content:
    """Return content whose manifest is the good one but for one change."""
    made: dict[str, Any] = plistlib.loads(build_manifest(EXAMPLE_APP, f"{BASE}/App.ipa", _IMAGES))
    change(made)
    return Content(manifest=plistlib.dumps(made))


_IMAGES = {"display-image": f"{BASE}/icon57.png", "full-size-image": f"{BASE}/icon512.png"}


def _says(name: str, ids: str, change: Change, door: Door = "check", **more: Any) -> Fault:
    return fault(name, ids, content=written(change), site=SMALL, door=door, **more)


def _item(manifest: Mapping[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = manifest["items"][0]
    return item


def _asset(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The software-package."""
    return next(asset for asset in _item(manifest)["assets"] if asset["kind"] == "software-package")


def _misspelt(manifest: dict[str, Any]) -> None:
    asset = _asset(manifest)
    asset["kid"] = asset.pop("kind")


def _only_images(manifest: dict[str, Any]) -> None:
    _item(manifest)["assets"].remove(_asset(manifest))


def _url(url: str) -> Change:
    return lambda manifest: _asset(manifest).update(url=url)


def _chunks(manifest: dict[str, Any]) -> None:
    """Hashes of chunks, the second of them wrong."""
    size, data = 1 << 20, build_package()
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    hashes = [hashlib.sha256(part).hexdigest() for part in parts]
    _asset(manifest).update({"sha256-size": size, "sha256s": [*hashes[:-1], "0" * 64]})


_DELIVERY = (
    fault(
        "manifests are not found",
        "OTA301",
        nginx_edits.files("plist", "return 404;"),
        replaced(ROOT, r'\1RedirectMatch 404 "\\.plist$"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "manifests answer with a server error",
        "OTA301",
        nginx_edits.files("plist", "return 500;"),
        replaced(ROOT, r'\1RedirectMatch 500 "\\.plist$"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "installers get no answer for manifests",
        "OTA301",
        nginx_edits.files("plist", "if ($http_user_agent) { return 444; }"),  # whoever waits for the start has none
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is a page",
        "OTA302",
        content=Content(manifest=b"<!DOCTYPE html><html><body>Hello</body></html>"),
        site=SMALL,
    ),
    fault(
        "a single page application answers for manifests",
        "OTA302",
        nginx_edits.files("plist", "rewrite ^ /index.html last;"),
        replaced(ROOT, r'\1RewriteRule "\\.plist$" "/index.html" [PT]\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "manifests lead to a login",
        "OTA303",
        nginx_edits.files("plist", "return 302 /login?next=$uri;"),
        replaced(ROOT, rf'\1RedirectMatch 302 "\\.plist$" "{BASE}/login"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "manifests want a password",
        "OTA303",
        nginx_edits.files("plist", 'auth_basic "builds"; auth_basic_user_file /etc/nginx/none;'),
        replaced(
            r"\A((?:.*\n)*?)( *<FilesMatch \"\(\?i\)\[\.\]\(\?:plist\)\$\">)",
            r"LoadModule auth_basic_module modules/mod_auth_basic.so\n"
            r"LoadModule authn_core_module modules/mod_authn_core.so\n"
            r"LoadModule authn_file_module modules/mod_authn_file.so\n"
            r"LoadModule authz_user_module modules/mod_authz_user.so\n"
            r"\1\2\n AuthType Basic\n AuthName builds\n AuthUserFile /dev/null\n Require valid-user\n",
        ),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is an XHTML page",
        "OTA302",
        content=Content(
            manifest=b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Oops</title></head><body/></html>'
        ),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is a piece of HTML",
        "OTA302",
        content=Content(manifest=b"<title>Oops</title><p>Not here."),
        site=SMALL,
        door="check",
    ),
    fault("the manifest is JSON", "OTA307", content=Content(manifest=b'{"items": []}'), site=SMALL, door="check"),
    fault(
        "the manifest is an error of a storage service",
        "OTA307",
        content=Content(manifest=b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
        site=SMALL,
        door="check",
    ),
    fault(
        "manifests lead to a login by OpenID Connect",
        "OTA303",
        nginx_edits.files("plist", "return 302 /realms/x/protocol/openid-connect/auth?client_id=x&response_type=code;"),
        replaced(
            ROOT,
            rf'\1RedirectMatch 302 "\\.plist$" "{BASE}/realms/x/protocol/openid-connect/auth?client_id=x&response_type=code"\n\g<0>',
        ),
        site=SMALL,
        door="check",
    ),
    fault(
        "something is written around the manifest",
        "",
        content=Content(
            manifest=b"\n " + build_manifest(EXAMPLE_APP, f"{BASE}/App.ipa", _IMAGES) + b"<!-- 12 ms -->done"
        ),
        site=SMALL,
        door="check",
        notes="OTA307",
    ),
    fault(
        "the manifest is a form for a password",
        "OTA303",
        content=Content(manifest=b"<!doctype html><form><input name=u><input type=password name=p></form>"),
        site=SMALL,
        door="check",
    ),
    fault(
        "a filter lets only browsers have manifests",
        "OTA304",
        nginx_edits.files("plist", "if ($http_user_agent !~ Mozilla) { return 403; }"),
        replaced(ROOT, r'\1RewriteCond %{HTTP_USER_AGENT} !Mozilla\n\1RewriteRule "\\.plist$" - [F]\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "a challenge for robots stands before manifests",
        "OTA304",
        nginx_edits.files("plist", "if ($http_user_agent !~ Mozilla) { rewrite ^ /index.html last; }"),
        replaced(
            ROOT, r'\1RewriteCond %{HTTP_USER_AGENT} !Mozilla\n\1RewriteRule "\\.plist$" "/index.html" [PT]\n\g<0>'
        ),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is redirected",
        "OTA305",
        nginx_edits.site("location = /app.plist { return 302 /space.plist; }"),
        replaced(ROOT, rf'\1RedirectMatch 302 "^/app\\.plist$" "{BASE}/space.plist"\n\g<0>'),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is redirected to another host",
        "OTA306",
        nginx_edits.site(
            f"set $place $host$uri; if ($place = ota.example.com/app.plist) {{ return 302 https://{OTHER}$uri; }}"
        ),
        replaced(
            ROOT,
            r"\1RewriteCond %{HTTP_HOST} ^ota\n"
            rf'\1RewriteRule "^/app\\.plist$" "https://{OTHER}/app.plist" [R=302,L]\n\g<0>',
        ),
        site=variant("static", locations=STATIC[:1], certificates=[ECDSA], domains=["ota.example.com", OTHER]),
        door="check",
    ),
)

_CONTENT = (
    fault(
        "the manifest is cut off",
        "OTA307",
        content=Content(manifest=b'<?xml version="1.0"?><plist><dict><key>items</key>'),
        site=SMALL,
    ),
    fault(
        "a title has a bare ampersand",
        "OTA307",
        content=Content(manifest=build_manifest(EXAMPLE_APP, f"{BASE}/App.ipa").replace(b"OTA Demo", b"Salt & Pepper")),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest is an error in JSON",
        "OTA307",
        content=Content(manifest=b'{"error": "gone"}'),
        site=SMALL,
        door="check",
    ),
    fault("the manifest is empty", "OTA307", content=Content(manifest=b""), site=SMALL, door="check"),
    _says("the manifest has no title", "OTA308", lambda manifest: _item(manifest)["metadata"].pop("title")),
    _says("the manifest has no items", "OTA308", lambda manifest: manifest.pop("items")),
    _says("the item has no metadata", "OTA308", lambda manifest: _item(manifest).pop("metadata")),
    _says(
        "the metadata is of another kind", "OTA309", lambda manifest: _item(manifest)["metadata"].update(kind="iosapp")
    ),
    _says("the title is blank", "OTA309", lambda manifest: _item(manifest)["metadata"].update(title="  ")),
    _says(
        "the manifest is for another platform",
        "OTA309",
        lambda manifest: _item(manifest)["metadata"].update({"platform-identifier": "com.apple.platform.appletvos"}),
    ),
    _says("a key is misspelt", "OTA309", _misspelt),
    _says("the package's URL has a blank", "OTA309", _url(f"{BASE}/My App.ipa")),
    _says("the manifest has only images", "OTA310", _only_images),
    _says("the manifest has no item", "OTA310", lambda manifest: manifest["items"].clear()),
    _says("the package's URL is relative", "OTA311", _url("App.ipa")),
    _says("the package's URL has a path only", "OTA311", _url("/App.ipa")),
    _says("the package's URL is http", "OTA312", _url("http://ota.example.com/App.ipa")),
    _says("the package's URL is a private address", "OTA313", _url("https://10.0.0.7/App.ipa"), door="verify"),
    _says("the package's URL is a name of the intranet", "OTA313", _url("https://builds/App.ipa"), door="verify"),
    _says(
        "hashes have no size",
        "OTA316",
        lambda manifest: _asset(manifest).update(md5s=["0" * 32, "1" * 32]),
    ),
    _says("the hash is another package's", "OTA317", lambda manifest: _asset(manifest).update(sha256s=["0" * 64])),
    _says("the hash of the last chunk is wrong", "OTA317", _chunks),
    fault(
        "the manifest bombs its reader",
        "OTA318",
        content=Content(manifest=b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa">]><plist><dict/></plist>'),
        site=SMALL,
    ),
    fault(
        "the manifest takes in another file",
        "OTA318",
        content=Content(
            manifest=b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY % a SYSTEM "file:///etc/passwd"> %a;]>'
            b"<plist><dict/></plist>"
        ),
        site=SMALL,
        door="check",
    ),
    fault(
        "the manifest has no end",
        "OTA318",
        content=Content(manifest=b'<?xml version="1.0"?><plist><!--' + b"x" * (3 << 20)),
        site=SMALL,
        door="check",
    ),
)

_HEADERS = (
    fault(
        "manifests have no type of their own",
        "OTA314",
        nginx_edits.files("plist", "default_type application/octet-stream;"),
        replaced(r'ForceType "text/xml"', "ForceType None"),
        site=SMALL,
    ),
    fault(
        "manifests may be cached",
        "OTA315",
        nginx_edits.cached("plist", "public, max-age=3600"),
        replaced(r'(Header always set Cache-Control) "no-store"', r'\1 "public, max-age=3600"'),
        site=SMALL,
    ),
    fault(
        "nothing says how long manifests may be kept",
        "OTA315",
        nginx_edits.cached("plist", ""),
        replaced(r'Header always set Cache-Control "no-store"\n', "Header always unset Cache-Control\n"),
        site=SMALL,
        door="check",
    ),
    fault(
        "a cache answers for manifests",
        "OTA315",
        nginx_edits.folder("add_header Age 300;"),
        replaced(r'(Header always set Cache-Control "no-store"\n)', r"\1Header always set Age 300\n"),
        site=SMALL,
        door="check",
    ),
)

_BEHIND = (
    fault(
        "the application is told http",
        "OTA312",
        nginx_edits.argument("proxy_set_header", "X-Forwarded-Proto", "http"),
        replaced(r'X-Forwarded-Proto "https"', 'X-Forwarded-Proto "http"'),
        site=variant("proxied", locations=PROXIED[:1]),
    ),
    fault(
        "the application is told an inner name",
        "OTA313",
        nginx_edits.argument("proxy_set_header", "X-Forwarded-Host", "10.0.0.7"),
        replaced(r'X-Forwarded-Host "[^"]*"', 'X-Forwarded-Host "10.0.0.7"'),
        site=variant("proxied", locations=PROXIED[:1]),
    ),
    fault(
        "the application is told no port",
        "OTA313",
        both(
            nginx_edits.argument("proxy_set_header", "X-Forwarded-Host", "$host"),
            nginx_edits.without("proxy_set_header", "X-Forwarded-Port"),
        ),
        replaced(r'(X-Forwarded-Host "[^:]*):8443"\n.*Port "8443"', r'\1"'),
        site=variant("mixed on port 8443"),
    ),
)

FAULTS = (*_DELIVERY, *_CONTENT, *_HEADERS, *_BEHIND)
