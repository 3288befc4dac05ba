"""Which site of a server a request is for, by the bindings of all of them; a name nobody bound is the listener's own 400."""

from __future__ import annotations

from collections.abc import Sequence

from ota_proxy.iis_emulator.message import Request, Response
from ota_proxy.iis_emulator.pipeline import Pipeline
from ota_proxy.iis_emulator.wire import Application


def application(pipelines: Sequence[Pipeline]) -> Application:
    """Return what answers for all sites."""

    async def answer(request: Request) -> Response:
        chosen = next((one for one in pipelines if one.site.takes(request)), pipelines[0])
        return await chosen.answer(request)

    return Application(answer, pipelines[0].refuse)
