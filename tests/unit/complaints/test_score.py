"""The public complaints of benchmarks/complaints.toml: the corpus is sound, and `explain` finds their causes; a floor, with room for a new rule."""

from __future__ import annotations

import tomllib
from pathlib import Path

from benchmarks import explain
from ota_proxy.rules.catalogue import catalogue

ROWS = tomllib.loads((Path(explain.__file__).with_name("complaints.toml")).read_text(encoding="utf-8"))["complaint"]


def test_there_are_enough_complaints_each_with_its_own_source_and_a_cause_that_is_a_rule() -> None:
    assert len(ROWS) >= 200
    assert len({row["source"] for row in ROWS}) == len({row["said"] for row in ROWS}) == len(ROWS)
    assert {rule for row in ROWS for rule in row["rules"]} - set(catalogue()) == set()
    assert all(set(row) == {"source", "said", "rules"} and row["rules"] for row in ROWS)


def test_the_halves_are_halves() -> None:
    halves = [explain.Complaint(row["source"], row["said"], ()).half for row in ROWS]
    assert abs(halves.count("tuning") - halves.count("scoring")) < len(halves) / 10


def test_the_right_rule_comes_first_or_soon_on_the_scoring_half() -> None:
    score = explain.score("scoring", explain.ours)
    assert score.first >= 0.75
    assert score.three >= 0.88
    assert score.unlisted <= 0.05


def test_it_beats_a_plain_overlap_of_words() -> None:
    simple = explain.score("scoring", explain.overlap)
    assert explain.score("scoring", explain.ours).first > simple.first + 0.2
