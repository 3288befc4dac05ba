"""Patterns of URL Rewrite: ECMAScript 3 exactly, wildcards, exact matches; never guessed, never endless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ota_proxy.iis_emulator.ecma import TooExpensiveError, compiled, matcher
from ota_proxy.iis_emulator.modelled import UnmodelledError

KNOWN: list[tuple[str, str, bool, tuple[str | None, ...] | None]] = [
    # Answers of V8 (Node.js 20), which is ECMAScript's regular expression with nothing of .NET or Perl.
    ("a|ab", "abc", False, ("a",)),
    ("((a)|(ab))((c)|(bc))", "abc", False, ("abc", "a", "a", None, "bc", None, "bc")),
    ("a[a-z]{2,4}", "abcdefghi", False, ("abcde",)),
    ("a[a-z]{2,4}?", "abcdefghi", False, ("abc",)),
    ("(aa|aabaac|ba|b|c)*", "aabaac", False, ("aaba", "ba")),
    ("(z)((a+)?(b+)?(c))*", "zaacbbbcac", False, ("zaacbbbcac", "z", "ac", "a", None, "c")),
    ("(?=(a+))a*b\\1", "baaabac", False, ("aba", "a")),
    ("(.*?)a(?!(a+)b\\2c)\\2(.*)", "baaabaac", False, ("baaabaac", "ba", None, "abaac")),
    ("(?:(a)|b)*", "ab", False, ("ab", None)),
    ("(a*)*", "b", False, ("", None)),
    ("x$", "x\n", False, None),
    ("^\\d+$", "\u0661", False, None),
    ("\\w", "\u00e9", False, None),
    ("[^x]", "xy", False, ("y",)),
    ("\u03c3", "\u03c2", True, ("\u03c2",)),
    ("\\cJ", "\n", False, ("\n",)),
    ("\\x41\\u0042", "AB", False, ("AB",)),
    ("[\\b]", "\b", False, ("\b",)),
    ("\\bota\\b", "an ota!", False, ("ota",)),
    ("\\u00e9", "\u00c9", True, ("\u00c9",)),
    ("\u00df", "SS", True, None),
    ("[k]", "\u212a", True, None),
    ("^(.+)/(\\d{3,})\\.ipa$", "Build/1204.IPA", True, ("Build/1204.IPA", "Build", "1204")),
    ("()\\1x", "x", False, ("x", "")),
]


@pytest.mark.parametrize(("pattern", "text", "fold", "groups"), KNOWN, ids=[f"{one[0]} on {one[1]!a}" for one in KNOWN])
def test_a_pattern_matches_as_ecmascript_says(
    pattern: str, text: str, fold: bool, groups: tuple[str | None, ...] | None
) -> None:
    assert compiled(pattern, ignore_case=fold).search(text) == groups


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("(?<name>a)", "look-behind or named group"),
        ("(?<=a)b", "look-behind or named group"),
        ("(?i)a", "(?i"),
        ("(?>a)", "atomic group"),
        ("a++", "a quantifier behind a quantifier"),
        ("\\Aa", "\\A"),
        ("\\p{L}", "\\p"),
        ("[[:alpha:]]", "POSIX class"),
        ("(a", "without its closing one"),
        ("a)", "without its opening one"),
        ("[a", "without its end"),
        ("*a", "nothing before it"),
        ("a{2,1}", "out of order"),
        ("[z-a]", "out of order"),
        ("{1}", "a brace that is not a quantifier"),
        ("(a)\\2", "a back reference to a group that is not there"),
        ("a{1001}", "above 1000"),
        ("[]", "empty character class"),
        ("[^]x]", "empty character class"),
        ("a\\", "a backslash at its end"),
        ("(" * 100 + ")" * 100, "nested deeper"),
        ("(?:(?:a{100}){100}){100}", "too large"),
    ],
)
def test_what_is_no_ecmascript_3_is_refused_by_name(pattern: str, named: str) -> None:
    with pytest.raises(UnmodelledError) as refused:
        compiled(pattern, ignore_case=True)
    assert named in refused.value.message
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)*$", "(.*)*x", "(a*)*b", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_a_catastrophic_pattern_is_given_up_soon(pattern: str) -> None:
    with pytest.raises(TooExpensiveError):
        compiled(pattern, ignore_case=False).search("a" * 200 + "!")


def test_a_long_url_is_no_trouble_for_an_ordinary_pattern() -> None:
    assert compiled("^.*/([^/]+)$", ignore_case=True).search("/" + "a" * 8000) is not None


ATOMS = ["a", "b", ".", "[ab]", "[^a]", r"\.", "(a)", "(b|ab)", "(?:a|b)", "x", r"\d", "(?=a)", "(?!b)", "^", "(a?)"]
PLAIN = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(["", "", "*", "+", "?", "*?", "{1,2}"])), max_size=5)


@given(PLAIN, st.text("ab.x1", max_size=8))
@settings(max_examples=400, deadline=None)
def test_python_finds_the_same_place_for_what_both_dialects_share(parts: list[tuple[str, str]], text: str) -> None:
    """Groups inside repetitions differ on purpose; where the match lies does not."""
    pattern = "".join(atom + ("" if atom.startswith(("(?=", "(?!", "^")) else often) for atom, often in parts)
    theirs = re.search(pattern, text)
    ours = compiled(pattern, ignore_case=False).search(text)
    assert (ours[0] if ours else None) == (theirs[0] if theirs else None)


@pytest.mark.parametrize(
    ("pattern", "text", "groups"),
    [
        ("*/*.html", "contoso/test.html", ("contoso/test.html", "contoso", "test")),
        ("/Scripts/*_in.???", "/scripts/x_in.asp", ("/scripts/x_in.asp", "x")),
        ("a.b", "axb", None),
        ("a?c", "ac", None),
        ("*", "", ("", "")),
        ("[a](b)+{1}^$|\\", "[a](b)+{1}^$|\\", ("[a](b)+{1}^$|\\",)),
        ("a", "ab", None),
    ],
)
def test_a_wildcard_takes_the_whole_input_and_only_stars_capture(
    pattern: str, text: str, groups: tuple[str, ...] | None
) -> None:
    assert matcher(pattern, "Wildcard").find(text) == groups


def test_an_exact_match_is_the_same_text() -> None:
    assert matcher("a.b", "ExactMatch").find("A.B") == ("A.B",)
    assert matcher("a.b", "ExactMatch", ignore_case=False).find("A.B") is None
    assert matcher("a.b", "ExactMatch").find("axb") is None


def test_a_negated_pattern_captures_nothing() -> None:
    assert matcher("(a)", negate=True).holds("b") == (True, ("",))
    assert matcher("(a)", negate=True).holds("a") == (False, ("",))
