"""Hostile sites on IIS: their setup.ps1 and undo.ps1 run in the model, a second run writes nothing, undo takes everything back."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ota_proxy.errors import UsageError
from ota_proxy.policy.capabilities import resolve
from ota_proxy.render.iis import render
from ota_proxy.render.result import Rendered
from tests.iis_sites import script
from tests.powershell_model import Machine, PsError, run_script
from tests.powershell_model.servers import THUMBPRINT, machine, unordered, used
from tests.property.hostile import Raw, hostile_sites, outcome


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # a run is slow: what was found is shown as it is
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
@given(hostile_sites(), st.sampled_from(("2016", "2019", "2022", "2025")), st.booleans(), st.booleans())
def test_any_site_is_set_up_once_and_taken_back(raw: Raw, version: str, rewrite: bool, others: bool) -> None:
    site = outcome(raw)
    if site is None:
        return
    try:
        rendered = render(site, resolve("iis", version), "site", "ota-proxy render iis", rewrite_module=rewrite)
    except UsageError:
        return
    on = machine(rendered.files[0].text, windows=version, rewrite="2.1" if rewrite else "")
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
