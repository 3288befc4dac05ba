"""What a trial would do, in words, without asking Docker or any server."""

from __future__ import annotations

from ota_proxy.harness.places import config_path
from ota_proxy.harness.verify import Trial
from ota_proxy.policy.capabilities import resolve
from ota_proxy.settings import Options

_ENGINES = {
    "auto": "docker, else a server on the PATH, else the embedded nginx",
    "docker": "a container, the configuration byte for byte",
    "local": "the server on the PATH, ports and paths replaced",
    "embedded": "the nginx of the extra `embedded`, ports and paths replaced",
}


def describe(trial: Trial, options: Options) -> str:
    """Return the plan of a trial, one step a line."""
    if trial.server == "iis":
        return f"iis for {trial.site.base_url}\n  no engine here starts IIS: no verdict"
    caps, site = resolve(trial.server, options.server_version, options.tls_library), trial.site
    scope = "full" if trial.scope == "full" else "site"
    place = config_path(caps, trial.scope)
    source = (
        f"{trial.config.tree or trial.config.main} as it is"
        if trial.config
        else f"rendered in scope {scope} for the version the engine has"
    )
    steps = [
        f"engine: {_ENGINES[options.engine]}",
        f"image: {options.image}" if options.image else "",
        f"configuration: {source}, at {place} (layout of {caps.preset or 'the latest Debian'})",
        *(f"test certificate at {pair.cert}, key at {pair.key}" for pair in site.certificates),
        *(f"test page, manifest and package at {location.root} for {location.path}" for location in site.static),
        *(
            f"application for {location.path} played by a second nginx at {location.upstream}"
            for location in site.proxied
        ),
        "TLS-offloading proxy in front, played by a second nginx" if site.tls.offloaded else "",
        f"ready when the manifest comes over HTTPS, verified for {site.public_host}",
        "host facts: version, TLS library in use, configuration test, listening sockets, process user, key modes",
        "device: port 80, TLS, landing page, link, manifest, HEAD, GET, ranged, resumed and second GET, HTTP/1.1 and h2",
        "left running" if trial.keep else "everything is removed",
    ]
    return "\n".join([f"{trial.server} for {site.base_url}", *(f"  {step}" for step in steps if step)])
