"""`ota-proxy lint` refuses what IIS refuses, in IIS's words, and accepts what it accepts: every case of cases/validity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.cli.main import main
from tests.iis.emulator import write
from tests.iis.mutation import drawn, seed, validity_mutants
from tests.iis.validity_files import Validity, validity_cases
from tests.iis.verdicts import Verdict, columns_of, verdict, wrong

CASES = validity_cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_reader_judges_as_iis_does(
    case: Validity,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.chdir(tmp_path)
    seen = _lint(case, tmp_path, capsys)
    found = wrong(case.expected, seen, case.judged)
    assert not found, f"{case.source}\n" + "\n".join(found)
    if drawn(case.id):
        for name, mutant in validity_mutants(case.expected):
            record_property("iis mutant", seed())
            assert wrong(mutant, seen, case.judged), f"the checker agrees with a false {name} (OTA_IIS_SEED={seed()})"


def _lint(case: Validity, folder: Path, capsys: pytest.CaptureFixture[str]) -> Verdict:
    for path, content in case.files.items():
        write(folder / "site" / path, content)
    words = ["lint"]
    if case.overlay:
        write(folder / "applicationHost.config", case.overlay.encode())
        words += ["--apphost", "applicationHost.config"] if case.files else []
    words += ["--windows", case.windows] if case.windows else []
    words += [word for module in case.without for word in ("--without-module", module)]
    words.append("site" if len(case.files) > 1 else case.judged)
    code, report, said = _run(words, "json", capsys)
    columns = columns_of(_run(words, "sarif", capsys)[1]) if "column" in case.expected else {}
    return verdict(code, report, said, columns)


def _run(words: list[str], form: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = main([*words, "--format", form])
    except SystemExit as end:  # argparse ends the program itself
        code = end.code if isinstance(end.code, int) else 0
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_cases_have_an_id_of_their_own_a_source_and_a_verdict() -> None:
    assert len(CASES) >= 100
    assert len({case.id for case in CASES}) == len(CASES)
    for case in CASES:
        assert case.source, case.id
        assert case.expected, case.id
        assert case.files or case.overlay, case.id
