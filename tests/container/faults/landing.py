# ruff: noqa: ANN401 - the makers of faults pass further fields on
"""Faults of the landing page and its install link, seen by `check`."""

from __future__ import annotations

from typing import Any

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.landing_page import landing_page
from ota_proxy.apps.manifest import build_manifest
from ota_proxy.apps.package import EXAMPLE_APP
from ota_proxy.harness.engine import TestFile
from ota_proxy.harness.served import MANIFEST, PACKAGE, Content
from tests.container.faults import apache_edits, nginx_edits
from tests.container.faults.model import Fault, both, fault, replaced, sent_away
from tests.support.builds import in_house

BASE = "https://ota.example.com"
LINK = install_link(f"{BASE}/{MANIFEST}", "html")
BUILD = build_manifest(EXAMPLE_APP, f"{BASE}/{PACKAGE}", {"display-image": f"{BASE}/icon57.png"})
PAGE = landing_page(EXAMPLE_APP, f"{BASE}/{MANIFEST}", icon="icon57.png", stylesheet="app.css").decode()
ANCHOR = f'<a class="install" target="_top" href="{LINK}">Install</a>'
TOPICS = {
    "Safari": PAGE[PAGE.index("<h2>Nothing happens?") : PAGE.index("<h2>It does not open?")],
    "trust": PAGE[PAGE.index("<p>&#8220;Untrusted") : PAGE.index("<p>&#8220;Developer Mode")],
    "Developer Mode": PAGE[PAGE.index("<p>&#8220;Developer Mode") : PAGE.index("</body>")],
}
"""The paragraphs of our own page by what they help with."""
START = "itms-services://?action=download-manifest&amp;url="
PIECES = f"<script>const go = (url) => {{ location.href = '{START.replace('amp;', '')}' + encodeURIComponent(url); }};</script>"
ROBOTS = '<meta name="robots" content="noindex">'
ENCODED_MAP = 'map $uri $page_encoding { default ""; /index.html gzip; }\n'


def encoded_nginx(text: str) -> str:
    """Say gzip of the page alone: headers are not inherited, so it goes to where the others are."""
    return ENCODED_MAP + nginx_edits.folder("add_header Content-Encoding $page_encoding;")(text)


FRAMES_NGINX = both(
    nginx_edits.without("add_header", "X-Frame-Options"), nginx_edits.without("add_header", "Content-Security-Policy")
)
FRAMES_APACHE = replaced(r"^ *Header always set (?:X-Frame-Options|Content-Security-Policy) .*$", "")


def shown(old: str, new: str, **more: Any) -> Content:
    """Return content whose landing page is ours with one thing changed."""
    assert old in PAGE
    return Content(page=PAGE.replace(old, new).encode(), **more)


def page(name: str, ids: str, old: str, new: str, **more: Any) -> Fault:
    """Return a fault of the landing page alone."""
    return fault(name, ids, content=shown(old, new), door="check", **more)


def linked(name: str, ids: str, link: str, **more: Any) -> Fault:
    """Return a fault of the link alone, as it stands in the HTML."""
    return page(name, ids, LINK, link, **more)


FAULTS = (
    linked(
        "the manifest's own query cuts the link off",
        "OTA101",
        f"itms-services://?action=download-manifest&amp;url={BASE}/{MANIFEST}?build=142&amp;channel=beta",
    ),
    fault(
        "a blank in the manifest's name is encoded once",
        "OTA101",
        content=shown(
            LINK,
            LINK.replace(MANIFEST, "my%20app.plist"),
            extra=(TestFile("/srv/ota/my app.plist", BUILD),),
        ),
        door="check",
    ),
    page(
        "a script has the separator escaped",
        "OTA102",
        ANCHOR,
        f"<button id=go>Install</button><script>go.onclick = () => {{ location.href = '{LINK}'; }};</script>",
    ),
    fault(
        "a redirect has the separator escaped",
        "OTA102",
        *sent_away("/install", LINK),
        door="check",
        target=f"{BASE}/install",
    ),
    linked("the link is escaped twice", "OTA103", LINK.replace("&amp;", "&amp;amp;")),
    linked("the link has lost its slashes", "OTA104", LINK.replace("services://", "services:")),
    linked("the link has another action", "OTA105", LINK.replace("download-manifest", "download")),
    linked("the link's scheme stands there twice", "OTA105", LINK.replace("itms", "itms-services://?url=itms")),
    linked("the link names the manifest over http", "OTA106", LINK.replace("https", "http")),
    fault(
        "the page may be framed and the link stays in the frame",
        "OTA107",
        FRAMES_NGINX,
        FRAMES_APACHE,
        content=shown(' target="_top"', ""),
        door="check",
    ),
    fault(
        "the page shows its link in a frame",
        "OTA107",
        content=shown(
            ANCHOR,
            '<iframe src="button.html"></iframe>',
            extra=(TestFile("/srv/ota/button.html", f'<!DOCTYPE html><a href="{LINK}">Install</a>'.encode()),),
        ),
        door="check",
    ),
    page("the page does not send chat apps to Safari", "OTA108", TOPICS["Safari"], ""),
    page("the page links the package alone", "OTA109", LINK, PACKAGE),
    fault(
        "pages have no type of their own",
        "OTA110",
        nginx_edits.folder("types { } default_type application/octet-stream;"),
        apache_edits.folder('<FilesMatch "html$">', "ForceType application/octet-stream", "</FilesMatch>"),
        door="check",
    ),
    fault(
        "search engines may show an in-house build",
        "OTA111",
        nginx_edits.without("add_header", "X-Robots-Tag"),
        replaced(r"^ *Header always set X-Robots-Tag .*$", ""),
        content=shown(ROBOTS, "", package=in_house()),
        door="check",
    ),
    fault(
        "the link of an AMP page opens where AMP does not let it",
        "OTA112",
        content=Content(page=PAGE.replace("<html", "<html amp").replace('"_top"', '"install"').encode()),
        door="check",
    ),
    page(
        "the page of an ad hoc build keeps quiet about Developer Mode", "", TOPICS["Developer Mode"], "", notes="OTA113"
    ),
    fault(
        "the page of an in-house build keeps quiet about trust",
        "",
        content=shown(TOPICS["trust"], "", package=in_house()),
        door="check",
        notes="OTA113",
    ),
    page("the page has no link", "OTA114", ANCHOR, ""),
    page("a script makes the link from pieces", "OTA114", ANCHOR, f"<button onclick=go()>Install</button>{PIECES}"),
    page("a framework makes the link", "OTA114", ANCHOR, f'<a :href="`{START}${{build}}`">Install</a>{PIECES}'),
    page("the link stands on the page as text", "OTA114", ANCHOR, f"<p>Open <code>{LINK}</code></p>"),
    page("the link is commented out", "OTA114", ANCHOR, f"<!-- {ANCHOR} -->"),
    linked("Angular does not trust the link", "OTA105", f"unsafe:{LINK}"),
    linked("a content filter took the link's scheme away", "OTA105", LINK.removeprefix("itms-services:")),
    linked("an editor put http before the link", "OTA105", f"http://{LINK}"),
    linked("the link is broken over indented lines", "OTA101", LINK.replace("app.plist", "\n    app.plist")),
    fault(
        "a media type for stylesheets is missing",
        "OTA110",
        nginx_edits.folder("types { text/html html; image/png png; }"),
        apache_edits.folder('<FilesMatch "css$">', "ForceType text/plain", "</FilesMatch>"),
        door="check",
    ),
    fault(
        "an address is for iPhones and iPads by their names",
        "OTA115",
        nginx_edits.site(
            'location = /install { if ($http_user_agent !~* "iPhone|iPad") { return 302 /desktop.html; } return 302 /index.html; }'
        ),
        replaced(
            r"^( *)(DocumentRoot )",
            r'\1RewriteCond "%{HTTP_USER_AGENT}" "!(?:iPhone|iPad)"\n\1RewriteRule "^/install$" "/desktop.html" [R=302,L]\n'
            r'\1RewriteRule "^/install$" "/index.html" [R=302,L]\n\1\2',
            count=1,
        ),
        content=Content(
            extra=(TestFile("/srv/ota/desktop.html", b"<!DOCTYPE html><p>Open this page on an iPhone or iPad"),)
        ),
        door="check",
        target=f"{BASE}/install",
    ),
    fault(
        "the page is not what its Content-Encoding says",
        "OTA110",
        encoded_nginx,
        apache_edits.folder('<FilesMatch "html$">', "Header set Content-Encoding gzip", "</FilesMatch>"),
        door="check",
    ),
)
