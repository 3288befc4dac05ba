"""Many sites on IIS: their setup.ps1 and undo.ps1 run in the model, a second run writes nothing, undo takes everything back."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.servers.iis.render import render
from ota_proxy.servers.rendered import Rendered
from tests.powershell_model import Machine, PsError, run_script
from tests.powershell_model.servers import THUMBPRINT, machine, unordered, used
from tests.property.hostile import Raw, hostile_sites, outcome
from tests.support.iis_sites import STATIC, beside, script

_some = settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a run is slow: what was found is shown as it is
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_versions = st.sampled_from(("2016", "2019", "2022", "2025"))
_names = st.sampled_from(("builds", "team's builds", "öta ‘x’", "a;b", "$home", "`n", "x [1]", "#1", "@(1)", "a & b"))
_roots = st.one_of(st.builds("/srv/{}".format, _names), st.builds("C:\\{}\\x".format, _names))
_upstreams = st.sampled_from(("http://127.0.0.1:8080", "https://app.example.net"))
_networks = st.lists(st.sampled_from(("10.0.0.0/8", "192.0.2.7", "198.51.100.0/24")), max_size=2, unique=True)
_plain = st.fixed_dictionaries(
    {
        "domains": st.sampled_from((["ota.example.com"], ["ota.example.com", "*.builds.example.com"])),
        "locations": st.tuples(
            st.builds(lambda root: {"path": "/", "root": root}, _roots),
            st.builds(lambda root: {"path": "/team/", "root": root}, _roots),
            st.builds(lambda upstream: {"path": "/api/", "upstream": upstream}, _upstreams),
        ).flatmap(lambda three: st.lists(st.sampled_from(three), min_size=1, unique_by=lambda one: one["path"])),
        "listen": st.sampled_from(({}, {"addresses": ["192.0.2.10", "2001:db8::10"]}, {"https": 8443, "http": 8080})),
        "access": st.fixed_dictionaries({"allow": _networks, "deny": _networks}),
        "hsts": st.sampled_from(({}, {"enabled": False}, {"max_age": 63072000, "include_subdomains": True})),
        "http2": st.booleans(),
        "expected_devices": st.sampled_from((10, 1500, 6000)),
        "log": st.sampled_from(({}, {"access": False})),
    }
)


# Two bindings of the name beside one of all addresses, which is others': http.sys has one certificate for the three.
@example({"listen": {"addresses": ["192.0.2.10", "2001:db8::10"]}}, "2016", True, True)
@_some
@given(_plain, _versions, st.booleans(), st.booleans())
def test_any_plain_site_is_set_up_once_and_taken_back(raw: Raw, version: str, rewrite: bool, others: bool) -> None:
    port = {"public_url": "https://ota.example.com:8443"} if raw["listen"].get("https") else {}
    _set_up_and_taken_back(dict(STATIC) | raw | port, version, rewrite=rewrite, others=others)


@_some
@given(hostile_sites(), _versions, st.booleans(), st.booleans())
def test_any_hostile_site_is_set_up_once_and_taken_back(raw: Raw, version: str, rewrite: bool, others: bool) -> None:
    _set_up_and_taken_back(raw, version, rewrite=rewrite, others=others)


def _set_up_and_taken_back(raw: dict[str, Any], version: str, *, rewrite: bool, others: bool) -> None:
    site = outcome(raw)
    if site is None:
        return
    try:
        rendered = render(site, resolve("iis", version), "site", "ota-proxy render iis", rewrite_module=rewrite)
    except UsageError:
        return
    on = machine(beside(rendered), windows=version, rewrite="2.1" if rewrite else "")
    on.certificates.add(THUMBPRINT)
    if others:
        used(on)
    before = on.state()
    said = setup(on, rendered)
    if said:
        assert re.search("part of the path|has the binding", said), "a drive that is not there, or a name that is taken"
    else:
        assert setup(on, rendered) == ""
        assert on.writes == []
    run_script(on, script(rendered, "undo.ps1"))
    assert unordered(on.state()) == unordered(before)


def setup(on: Machine, rendered: Rendered) -> str:
    """Run setup.ps1; return the error it ended with, or nothing."""
    try:
        run_script(on, script(rendered, "setup.ps1"), CertificateThumbprint=THUMBPRINT)
    except PsError as error:
        return error.message
    return ""
