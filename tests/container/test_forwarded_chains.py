"""A rendered site behind a chain of proxies, played beside it: the first one speaks TLS, the next one adds its own word."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ota_proxy.commands.verify import verify
from ota_proxy.harness.docker.docker_engine import DockerEngine
from ota_proxy.harness.mock_upstreams import MOCK_ROOT, tls_proxy_config
from ota_proxy.harness.served import Content
from ota_proxy.harness.trial import Trial
from tests.support.reports import failed, warnings_of
from tests.support.variants import variant

pytestmark = pytest.mark.container
SITE = variant("proxied behind a TLS-terminating proxy")


@pytest.mark.parametrize("said", ["HTTPS ,http", "https, http, http"])
@pytest.mark.parametrize("server", ["nginx", "apache"])
def test_a_chain_of_proxies_that_list_their_schemes_makes_no_loop(
    server: str, said: str, engine_of: Callable[[str], DockerEngine]
) -> None:
    tls_proxy = tls_proxy_config(SITE, f"{MOCK_ROOT}/tls-proxy")
    assert "X-Forwarded-Proto https;" in tls_proxy
    content = Content(tls_proxy=tls_proxy.replace("X-Forwarded-Proto https;", f'X-Forwarded-Proto "{said}";'))
    report = verify(Trial(server, SITE, content=content), engine_of("trixie"), lambda _: None)
    assert failed(report) == []
    assert warnings_of(report) == []
