"""Writes a small landing page without scripts: one install button, and help for the browsers inside other apps."""

from __future__ import annotations

import html

from ota_proxy.apps.install_link import install_link
from ota_proxy.apps.ipa import AppInfo

STYLE = """body{font:17px/1.5 -apple-system,system-ui,sans-serif;max-width:34em;margin:2em auto;padding:0 1em}
a.install{display:inline-block;padding:.7em 1.4em;border-radius:.7em;background:#0066cc;color:#fff;text-decoration:none}
img{border-radius:22%}
"""


def landing_page(app: AppInfo, manifest_url: str, *, icon: str = "", stylesheet: str = "") -> bytes:
    """Return an HTML page (UTF-8) with one install button; without `stylesheet` (a URL) the style is inside."""
    style = f'<link rel="stylesheet" href="{_attr(stylesheet)}">' if stylesheet else f"<style>{STYLE}</style>"
    image = f'<p><img src="{_attr(icon)}" width="57" height="57" alt=""></p>' if icon else ""
    least = f" It needs iOS {html.escape(app.minimum_os)} or newer." if app.minimum_os else ""
    title = html.escape(app.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
{style}
</head>
<body>
{image}
<h1>{title}</h1>
<p>Version {html.escape(app.version)} ({html.escape(app.build)}).{least}</p>
<p><a class="install" target="_top" href="{install_link(manifest_url, "html")}">Install</a></p>
<h2>Nothing happens?</h2>
<p>The browser inside another app (WeChat, Facebook, Instagram, LINE) cannot install. Choose <em>Open in Safari</em> in its menu,
then tap Install again.</p>
<h2>It does not open?</h2>
<p>&#8220;Untrusted Enterprise Developer&#8221;: open Settings &#8250; General &#8250; VPN &amp; Device Management, choose the developer and tap Trust.
Since iOS 18 the device restarts to finish this.</p>
<p>&#8220;Developer Mode required&#8221;: switch it on under Settings &#8250; Privacy &amp; Security &#8250; Developer Mode, then restart.</p>
</body>
</html>
""".encode()


def _attr(text: str) -> str:
    return html.escape(text, quote=True)
