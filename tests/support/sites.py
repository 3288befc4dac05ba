"""Raw sites for tests: a minimal one, changed key by key, and the refusal it meets."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ota_proxy.site import Site

CERT = {"cert": "/etc/ssl/ota/fullchain.pem", "key": "/etc/ssl/ota/privkey.pem"}


def raw(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - raw keys of a site file
    return {
        "domains": ["ota.example.com"],
        "locations": [{"path": "/", "root": "/srv/ota"}],
        "certificates": [CERT],
        **changes,
    }


def site(**changes: Any) -> Site:  # noqa: ANN401 - raw keys of a site file
    return Site.model_validate(raw(**changes))


def proxied(upstream: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - raw keys of a location
    return {"locations": [{"path": "/", "upstream": upstream, **more}]}


def refusal(**changes: Any) -> str:  # noqa: ANN401 - raw keys of a site file
    """Return everything the refusal says; the test fails where the site is accepted."""
    with pytest.raises(ValidationError) as caught:
        site(**changes)
    return "\n".join(str(error["msg"]) for error in caught.value.errors())
