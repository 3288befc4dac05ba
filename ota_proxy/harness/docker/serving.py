"""How each server is tested and started in a container, as a job for the container's shell; pure text."""

from __future__ import annotations

import posixpath
import re

from ota_proxy.harness.docker.container import Job
from ota_proxy.harness.engine import Scenario
from ota_proxy.harness.listening import ports

MOCK_FOLDER = "/etc/ota-proxy"
_DAEMON = re.compile(r"(?:^|[;{}])\s*daemon\s+o(?:n|ff)\s*;", re.MULTILINE)
_LISTEN = re.compile(
    r"(?:^|[;{}])\s*listen\s+(?:\"unix:(?P<quoted>[^\"]+)\"|unix:(?P<plain>[^\s;]+)|\"?(?:[^\s;]*:)?(?P<port>\d+)\b)",
    re.MULTILINE,
)


def job(scenario: Scenario) -> Job:
    """Return the server's own job: its configuration test, its start in the foreground, the ports the site promises."""
    prepare, test, serve = _nginx(scenario) if scenario.server == "nginx" else _apache(scenario)
    return Job(
        serve,
        test=test,
        prepare=prepare,
        folders=_folders(scenario),
        ports=_awaited(scenario),
        logs=[error_log(scenario)],
    )


def _awaited(scenario: Scenario) -> list[int]:
    """Return the site's ports that the configuration names; all where it names none.

    A person's own may have no plain listener, and waiting for one takes the whole patience.
    """
    folder = scenario.caps.layout.folder
    rest = (file.data.decode("latin-1") for file in scenario.files if file.path.startswith(f"{folder}/"))
    text = "\n".join([*scenario.config.values(), *rest])
    expected = ports(scenario.site)
    return [port for port in expected if re.search(rf"(?<![\d.]){port}\b", text)] or expected


def mock_job(path: str, text: str) -> Job:
    """Return the job of a mock server, an nginx with one whole configuration at `path`."""
    found, sockets = listening(text)
    folders = [MOCK_FOLDER, *map(posixpath.dirname, sockets)]
    serve = f"exec nginx -c {path}{_foreground(text)}"
    return Job(serve, test=f"nginx -t -q -c {path}", folders=folders, ports=found, sockets=sockets)


def listening(text: str) -> tuple[list[int], list[str]]:
    """Return the TCP ports and unix sockets of an nginx configuration, each once."""
    found = list(_LISTEN.finditer(text))
    tcp = dict.fromkeys(int(match["port"]) for match in found if match["port"])
    sockets = dict.fromkeys(match["quoted"] or match["plain"] for match in found if not match["port"])
    return list(tcp), list(sockets)


def error_log(scenario: Scenario) -> str:
    """Return where the server writes its error log."""
    return scenario.site.log.error or f"{scenario.caps.layout.log}/error.log"


def _nginx(scenario: Scenario) -> tuple[str, str, str]:
    main = scenario.config.get(scenario.caps.layout.main, "")
    return "true", "nginx -t", f"exec nginx{_foreground(main)}"


def _foreground(text: str) -> str:
    return "" if _DAEMON.search(text) else " -g 'daemon off;'"


def _apache(scenario: Scenario) -> tuple[str, str, str]:
    root = scenario.caps.layout.folder
    if not scenario.caps.layout.main.endswith("apache2.conf"):
        return "true", "httpd -t", "exec httpd -DFOREGROUND"
    # Debian's apache2ctl does the same: variables first, and the folders in /run that a reboot has emptied.
    prepare = f'. {root}/envvars && mkdir -p "$APACHE_RUN_DIR" "$APACHE_LOCK_DIR" "$APACHE_LOG_DIR"'
    return prepare, "apache2 -t", "exec apache2 -DFOREGROUND"


def _folders(scenario: Scenario) -> list[str]:
    site = scenario.site
    logs = [posixpath.dirname(path) for path in (site.log.access, site.log.error) if path]
    roots = [location.root for location in site.locations if location.root]
    return list(dict.fromkeys([*logs, *roots, site.redirect.acme_root]))
