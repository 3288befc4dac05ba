"""Faults of the server's configuration that the walk or the host shows."""

from __future__ import annotations

from tests.container.faults import apache_edits, nginx_edits
from tests.container.faults.behind import FOLDER, behind
from tests.container.faults.manifest import BASE, ROOT
from tests.container.faults.model import EXPOSED, SMALL, both, fault, replaced
from tests.support.variants import STATIC, variant

# A healthy ad hoc build has a note of its own, which stands before those about the server: the stage is `open`.
FAULTS = (
    fault(  # Apache sets the one field it has, whatever adds another
        "the content type is added as a second header",
        "OTA604",
        nginx_edits.folder("add_header Content-Type text/xml;"),
        site=SMALL,
    ),
    fault(
        "a rule against configuration files catches manifests",
        "OTA611",
        nginx_edits.folder(r"location ~ \.(?:plist|conf)$ { deny all; }"),
        replaced(ROOT, r'\1<FilesMatch "\.(?:plist|conf)$">\nRequire all denied\n</FilesMatch>\n\g<0>'),
        site=SMALL,
    ),
    fault(
        "a plus in a name is refused",
        "OTA611",
        nginx_edits.folder("location ~ [+] { return 404; }"),
        replaced(ROOT, r'\1RewriteRule "[+]" - [R=404,L]\n\g<0>'),
        site=SMALL,
        stage="package",
    ),
    fault(
        "the server tells its version",
        "",
        nginx_edits.value("server_tokens", "on"),
        replaced(r"\A", "ServerTokens Full\n"),
        notes="OTA612",
        stage="open",
        site=SMALL,
        door="check",
    ),
    fault(
        "error pages tell the version",
        "",
        None,
        replaced(r"\A((?:.*\n)*?.*)ServerSignature Off", r"ServerTokens Full\n\1ServerSignature On"),
        notes="OTA612",
        stage="open",
        site=SMALL,
        door="check",
    ),
    behind(
        "the application tells its version",
        "",
        "add_header X-Powered-By PHP/8.2.1 always;",
        notes="OTA612",
        stage="open",
    ),
    fault(
        "folders are listed",
        "OTA613",
        both(nginx_edits.value("index", "none.html"), nginx_edits.value("autoindex", "on")),
        both(
            apache_edits.instead("DirectoryIndex index.html", "DirectoryIndex none.html"),
            apache_edits.instead("Options FollowSymLinks", "Options FollowSymLinks Indexes"),
        ),
        site=SMALL,
    ),
    behind(
        "the application lists its folder",
        "OTA613",
        f"location = / {{ root {FOLDER}; index none.html; autoindex on; }}",
        target=f"{BASE}/app.plist",
    ),
    fault(
        "the key lies where files are served from",
        "OTA614",
        site=variant("static", locations=STATIC[:1], certificates=[EXPOSED]),
    ),
    fault(
        "the configuration has a typing error",
        "OTA615",
        nginx_edits.renamed("absolute_redirect", "absolute_redirct"),
        replaced(r"UseCanonicalName Off", "UseCanonicalNme Off"),
    ),
    fault(
        "the certificate is not there",
        "OTA615",
        nginx_edits.value("ssl_certificate", "/etc/ssl/ota/gone.pem"),
        replaced(r'SSLCertificateFile "/etc/ssl/ota/ecdsa\.pem"', 'SSLCertificateFile "/etc/ssl/ota/gone.pem"'),
        site=SMALL,
    ),
    fault(
        "the server dies at its start although its test passes",
        "OTA616",
        None,
        replaced(r"SSLOpenSSLConfCmd Curves .*", "SSLOpenSSLConfCmd Curves no-such-group"),
    ),
)
