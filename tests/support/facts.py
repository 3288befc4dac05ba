# ruff: noqa: ANN401 - builders pass changed fields of many dataclasses on to replace()
"""Hand-made facts: `healthy()` is a walk with nothing to find; the helpers break one thing in it. Shared by the tests of rules and reports."""

from __future__ import annotations

import io
import itertools
import plistlib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from ota_proxy.device.bodies import Unpacker
from ota_proxy.facts.install import (
    Asset,
    CertificateFacts,
    Exchange,
    ImageFacts,
    InstallFacts,
    LinkFacts,
    ManifestFacts,
    NetError,
    PackageFacts,
    PageFacts,
    PlainHttpFacts,
    Response,
    TlsFacts,
    Unpacked,
    Visit,
)
from ota_proxy.rules.registry import Door, evaluate
from ota_proxy.rules.rule import Facts, Outcome

HOST = "ota.example.com"
BASE = f"https://{HOST}"
MANIFEST_URL = f"{BASE}/ota/app-1.2.plist"
PACKAGE_URL = f"{BASE}/ota/app-1.2.ipa"
ICON_URL = f"{BASE}/ota/icon.png"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HSTS = "max-age=63072000"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
LINK = f"itms-services://?action=download-manifest&url={MANIFEST_URL.replace(':', '%3A').replace('/', '%2F')}"
ETAG = '"5f-1"'
DOORS: tuple[Door, ...] = ("v", "c", "a", "l")

_ids = itertools.count(1)
Agent = Literal["manifest", "package", "mdm", "browser"]


def archive(count: int = 2) -> bytes:
    """A small package that a phone could unpack while it arrives."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for index in range(count):
            target.writestr(zipfile.ZipInfo(f"Payload/Demo.app/file{index}"), b"content " * 40)
    return buffer.getvalue()


IPA = archive()


def respond(
    status: int = 200, headers: Mapping[str, str] | None = None, body: bytes = b"", *, secure: bool = True
) -> Response:
    """An answer with the headers that a healthy server always sends; a header set to an empty text is left out."""
    given = {"Server": "nginx", **({"Strict-Transport-Security": HSTS} if secure else {}), **(headers or {})}
    fields = tuple((name.lower(), value) for name, value in given.items() if value)
    return Response(status=status, headers=fields, http_version="2", body=body, received=len(body))


def exchange(  # noqa: PLR0913 - the fields of one request
    url: str,
    response: Response | None,
    *,
    method: str = "GET",
    agent: Agent = "manifest",
    headers: Mapping[str, str] | None = None,
    error: NetError | None = None,
) -> Exchange:
    """One request; its id counts up, as in a walk."""
    asked = tuple((headers or {}).items())
    return Exchange(next(_ids), "step", agent, method, url, asked, "93.184.216.34", response=response, error=error)


def visit(url: str, response: Response | None, **more: Any) -> Visit:
    """One request without redirects."""
    return Visit("step", (exchange(url, response, **more),))


def failing(url: str, kind: Any, message: str = "it does not answer") -> Visit:
    """A request that got no answer."""
    return visit(url, None, error=NetError(kind, message))


def answered(old: Visit, status: int | None = None, body: bytes | None = None, **headers: str) -> Visit:
    """The visit with another answer; header names are written with `_`, an empty value removes one."""
    last = old.last
    assert last.response is not None
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [(name, value) for name, value in last.response.headers if name not in changed]
    fields = (*kept, *((name, value) for name, value in changed.items() if value))
    response = replace(last.response, headers=tuple(fields))
    if body is not None:
        response = replace(response, body=body, received=len(body))
    if status is not None:
        response = replace(response, status=status)
    return replace(old, hops=(*old.hops[:-1], replace(last, response=response)))


def redirected(old: Visit, *urls: str, status: int = 302) -> Visit:
    """The visit with redirects before its last answer, which then comes from the last of `urls`."""
    last = old.last
    steps = [last.url, *urls]
    hops = [
        exchange(url, respond(status, {"Location": target}, secure=url.startswith("https:")), agent=last.agent)
        for url, target in itertools.pairwise(steps)
    ]
    return replace(old, hops=(*hops, replace(last, url=urls[-1])))


def manifest_data(**metadata: Any) -> dict[str, Any]:
    """The property list of the healthy walk; metadata keys are written with `_`, a None removes one."""
    base: dict[str, Any] = {
        "kind": "software",
        "bundle-identifier": "com.example.demo",
        "bundle-version": "1.2",
        "title": "Demo",
        "platform-identifier": "com.apple.platform.iphoneos",
    }
    base |= {key.replace("_", "-"): value for key, value in metadata.items()}
    kept = {key: value for key, value in base.items() if value is not None}
    assets = [{"kind": "software-package", "url": PACKAGE_URL}, {"kind": "display-image", "url": ICON_URL}]
    return {"items": [{"assets": assets, "metadata": kept}]}


def certificate(**changes: Any) -> CertificateFacts:
    """A leaf of a private CA, 60 of its 90 days left."""
    base = CertificateFacts(
        subject=f"CN={HOST}",
        issuer="CN=Test intermediate",
        not_before=NOW - timedelta(days=30),
        not_after=NOW + timedelta(days=60),
        key_kind="ec",
        key_bits=256,
        signature_hash="sha256",
        dns_names=(HOST,),
        ip_names=(),
        has_san=True,
        server_auth=True,
        is_ca=False,
        self_signed=False,
    )
    return replace(base, **changes)


INTERMEDIATE = certificate(
    subject="CN=Test intermediate",
    issuer="CN=Test root",
    dns_names=(),
    has_san=False,
    server_auth=False,
    is_ca=True,
    not_after=NOW + timedelta(days=3000),
)
SUITES = {
    "TLSv1.2": ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
    "TLSv1.3": ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"),
}


def tls(**changes: Any) -> TlsFacts:
    """A host as the guideline wants it."""
    base = TlsFacts(
        host=HOST,
        port=443,
        reachable=True,
        versions=("TLSv1.2", "TLSv1.3"),
        suites=SUITES,
        extended_master_secret=True,
        alpn=("h2", "http/1.1"),
        chain=(certificate(), INTERMEDIATE),
        path=changes.get("chain", (certificate(), INTERMEDIATE)),
        trust="trusted",
        name_matches=True,
        private_root=True,
    )
    return replace(base, **changes)


def manifest(data: dict[str, Any] | None = None) -> ManifestFacts:
    """The manifest as every agent gets it."""
    content = data or manifest_data()
    answer = respond(200, {"Content-Type": "text/xml", "Cache-Control": "no-store"}, plistlib.dumps(content))
    ask = {"User-Agent": "com.apple.appstored/1.0 iOS/18.1"}
    item = content["items"][0] if content["items"] else {}
    return ManifestFacts(
        url=MANIFEST_URL,
        visit=visit(MANIFEST_URL, answer, headers=ask),
        browser=visit(MANIFEST_URL, answer, agent="browser"),
        mdm=visit(MANIFEST_URL, answer, agent="mdm"),
        h1=visit(MANIFEST_URL, replace(answer, http_version="1.1")),
        unknown_host=visit(MANIFEST_URL, respond(421), headers={"host": "unknown-host.invalid"}),
        compressed=visit(MANIFEST_URL, answer, headers={"Accept-Encoding": "gzip"}),
        data=content,
        items=tuple(content["items"]),
        metadata=item.get("metadata", {}),
        assets=tuple(_asset(asset) for asset in item.get("assets", ())),
    )


def _asset(asset: Mapping[str, Any]) -> Asset:
    hashes = tuple(asset.get("sha256s", ()))
    return Asset(
        str(asset.get("kind", "")),
        str(asset.get("url", "")),
        hashes,
        "sha256" if hashes else "",
        asset.get("sha256-size"),
    )


def part(first: int, last: int, data: bytes = IPA, **headers: str) -> Response:
    """A 206 with the bytes first to last."""
    chunk = data[first : last + 1]
    fields = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "Content-Length": str(len(chunk)), "ETag": ETAG}
    return respond(206, {"Content-Type": "application/octet-stream", **fields, **headers}, chunk)


def package(data: bytes = IPA, url: str = PACKAGE_URL) -> PackageFacts:
    """The package as a server with ranges and validators hands it out."""
    size = len(data)
    fields = {
        "Content-Type": "application/octet-stream",
        "Content-Length": str(size),
        "ETag": ETAG,
        "Accept-Ranges": "bytes",
    }
    whole = respond(200, fields, data)
    middle, end = (20, 39), (max(0, size - 64), size - 1)

    def ask(response: Response, method: str = "GET", **headers: str) -> Visit:
        return visit(url, response, method=method, agent="package", headers=headers)

    return PackageFacts(
        url=url,
        head=ask(replace(whole, body=b"", received=0), "HEAD"),
        get=ask(whole),
        ranged=ask(part(*middle, data), Range=f"bytes={middle[0]}-{middle[1]}"),
        tail=ask(part(*end, data), Range="bytes=-64"),
        resumed=ask(part(*middle, data), Range=f"bytes={middle[0]}-{middle[1]}"),
        conditional=ask(respond(304, {"ETag": ETAG})),
        second=ask(whole),
        compressed=ask(whole),
        compressed_head=ask(replace(whole, body=b"", received=0), "HEAD"),
        h1=ask(replace(whole, http_version="1.1")),
        range_asked=middle,
        size=size,
        reference=data[20:40],
        unpacked=unpack(data),
    )


def unpack(data: bytes) -> Unpacked:
    """What the device's front-to-back reading makes of an archive that arrives in pieces."""
    reader = Unpacker()
    for start in range(0, len(data), 100):
        reader.feed(data[start : start + 100])
    return reader.seen()


def page(links: Sequence[LinkFacts] | None = None) -> PageFacts:
    """The landing page: not framable, one good link."""
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "frame-ancestors 'none'"}
    answer = respond(200, headers, b"<!doctype html><title>Demo</title>")
    found = (LinkFacts(LINK, "html-attribute", manifest_url=MANIFEST_URL),) if links is None else tuple(links)
    return PageFacts(visit(f"{BASE}/ota/", answer, agent="browser"), found)


def healthy(**changes: Any) -> InstallFacts:
    """A whole walk from the landing page with nothing to find."""
    to_https = respond(308, {"Location": f"{MANIFEST_URL}?probe=%2Fx"}, secure=False)
    base = InstallFacts(
        target=f"{BASE}/ota/",
        start="page",
        now=NOW,
        host=HOST,
        tls=tls(),
        plain=PlainHttpFacts(visit(f"http://{HOST}/ota/app-1.2.plist?probe=%2Fx", to_https), open=True),
        page=page(),
        link=LinkFacts(LINK, "html-attribute", manifest_url=MANIFEST_URL),
        manifest=manifest(),
        packages=(package(),),
        images=(
            ImageFacts("display-image", ICON_URL, visit(ICON_URL, respond(200, {"Content-Type": "image/png"}, PNG))),
        ),
        missing=visit(f"{BASE}/ota/missing", respond(404, {"Content-Type": "text/html"}, b"<html>not here</html>")),
        folder=visit(f"{BASE}/ota/", respond(403, {"Content-Type": "text/html"}, b"<html>forbidden</html>")),
    )
    return replace(base, **changes)


def with_manifest(**changes: Any) -> InstallFacts:
    """The healthy walk with a changed manifest."""
    return healthy(manifest=replace(manifest(), **changes))


def with_manifest_answer(status: int | None = None, body: bytes | None = None, **headers: str) -> InstallFacts:
    """The healthy walk where every agent gets another answer for the manifest, which is read no more."""
    base = manifest()
    assert base.browser is not None
    seen = answered(base.visit, status, body, **headers)
    browser = answered(base.browser, status, body, **headers)
    unread = replace(
        base, visit=seen, browser=browser, mdm=seen, h1=None, compressed=None, data=None, items=(), assets=()
    )
    return healthy(manifest=unread, packages=(), images=())


def with_data(data: dict[str, Any]) -> InstallFacts:
    """The healthy walk with another property list."""
    return healthy(manifest=manifest(data))


def with_package(**changes: Any) -> InstallFacts:
    """The healthy walk with a changed package."""
    return healthy(packages=(replace(package(), **changes),))


def with_tls(**changes: Any) -> InstallFacts:
    """The healthy walk over another TLS."""
    return healthy(tls=tls(**changes))


def outcomes(install: InstallFacts | None, **more: Any) -> tuple[Outcome, ...]:
    """What the doors that look at a running server report, each rule once; `lint` looks at files."""
    facts = Facts(install=install, **more)
    found = [outcome for door in DOORS if door != "l" for outcome in evaluate(facts, "target", door)]
    return tuple(dict.fromkeys(found))


def reported(install: InstallFacts | None, **more: Any) -> set[str]:
    """The ids of all rules that failed."""
    return {outcome.rule.id for outcome in outcomes(install, **more) if outcome.status == "failed"}


def statuses(install: InstallFacts | None, **more: Any) -> dict[str, str]:
    """Rule id → status."""
    return {outcome.rule.id: outcome.status for outcome in outcomes(install, **more)}
