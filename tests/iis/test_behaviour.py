"""The emulator behaves as IIS is documented to: every case of cases/behaviour through `ota-proxy up iis`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.iis.case_files import Case, behaviour_cases
from tests.iis.emulator import Emulator, NotStartedError, Pool
from tests.iis.expectations import Setting, wrong
from tests.iis.mutation import drawn, mutants, seed
from tests.iis.upstream import upstream
from tests.iis.wire import Seen

CASES = behaviour_cases()
ANSWERED = [case for case in CASES if "refuses" not in case.steps[0].expected]
REFUSED = [case for case in CASES if "refuses" in case.steps[0].expected]


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with upstream() as application:
        emulators = Pool(tmp_path_factory.mktemp("emulators"), application)
        yield emulators
        emulators.close()


@pytest.mark.parametrize("case", ANSWERED, ids=lambda case: case.id)
def test_the_emulator_answers_as_documented(
    case: Case, pool: Pool, record_property: Callable[[str, object], None]
) -> None:
    emulator = pool.of(case.site)
    setting = _setting(case, emulator)
    seen: Seen | None = None
    for step in case.steps:
        seen = emulator.ask(step, seen)
        found = wrong(step.expected, seen, setting)
        assert not found, f"{case.source}\n{seen.request.method} {seen.request.url}\n" + "\n".join(found)
        if drawn(case.id):
            for name, mutant in mutants(step.expected):
                record_property("iis mutant", seed())
                assert wrong(mutant, seen, setting), f"the checker agrees with a false {name} (OTA_IIS_SEED={seed()})"


def _setting(case: Case, emulator: Emulator) -> Setting:
    return Setting(case.site.files, emulator.ports, emulator.upstream.url)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_a_construct_that_is_not_modelled_is_refused_by_name(case: Case, pool: Pool) -> None:
    with pytest.raises(NotStartedError) as caught:
        pool.of(case.site)
    assert caught.value.code == 3
    assert case.steps[0].expected["refuses"] in caught.value.said


def test_cases_have_an_id_of_their_own_a_source_and_something_to_expect() -> None:
    assert len(CASES) >= 250
    assert len({case.id for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.source, case.id
        assert all(step.expected for step in case.steps), case.id
