"""`ota-proxy explain`: the page of a rule, or the rules that can be behind what a phone says; nothing is asked of any network."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING, Any

from ota_proxy.cli.streams import emit
from ota_proxy.errors import EXIT_CLEAN, UsageError

if TYPE_CHECKING:
    from ota_proxy.report.paint import Paint
    from ota_proxy.rules.model import Rule
    from ota_proxy.rules.symptoms import Symptom

_DESCRIPTION = """\
Explain a rule, or what can be behind a sentence on the phone, most likely first.

  ota-proxy explain OTA406
  ota-proxy explain package-no-range
  ota-proxy explain "cannot connect to server"
  ota-proxy explain icon stays grey on waiting
"""
_ID = re.compile(r"(?i)(?:ota)?[-_ ]?(\d{3})")
_WIDTH = 80


def register(commands: Any) -> None:  # noqa: ANN401 - argparse has no public type for it
    """Add the command."""
    command = commands.add_parser(
        "explain",
        help="what a rule or a sentence on the phone means",
        description=_DESCRIPTION,
    )
    command.add_argument(
        "what", metavar="RULE|NAME|SYMPTOM", nargs="+", help="a rule's id or name, or what the phone says"
    )
    command.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a page or a list of rules; UsageError with what is nearest for words that say nothing we know."""
    from ota_proxy.report.paint import paint_for  # noqa: PLC0415
    from ota_proxy.rules.symptoms import by_letter, matching  # noqa: PLC0415 - imports every rule

    paint = paint_for(sys.stdout)
    asked = " ".join(args.what).strip()
    rule = _rule(asked)
    if rule is not None:
        emit(_page(rule, paint) + "\n")
        return EXIT_CLEAN
    letter = by_letter(asked) if len(asked) == 1 else None
    found = (letter,) if letter else matching(asked)
    if not found or (len(asked.split()) == 1 and _near_names(asked)):
        raise _unknown(asked)
    more = f"`ota-proxy explain {found[0].rules[0]}` says more of a rule, with the lines to change."
    emit("\n\n".join([*(_fan(one, paint) for one in found), more]) + "\n")
    return EXIT_CLEAN


def _rule(asked: str) -> Rule | None:
    """Return the rule of an id (`OTA406`, `ota-406`, `406`) or name, in any case; UsageError for an id that there is not."""
    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415

    match = _ID.fullmatch(asked)
    if match and f"OTA{match[1]}" not in catalogue():
        raise _unknown(f"OTA{match[1]}")
    name = re.sub(r"[ _]+", "-", asked.lower())
    return catalogue()[f"OTA{match[1]}"] if match else next((r for r in catalogue().values() if r.name == name), None)


def _near_names(asked: str) -> list[str]:
    """Return ids and names like a word; parts of a name count."""
    import difflib  # noqa: PLC0415

    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415

    rules = catalogue()
    names = {rule.name: f"{rule.id} {rule.name}" for rule in rules.values()}
    if asked in names or asked.upper().startswith("OTA"):
        near = difflib.get_close_matches(asked.upper(), rules, n=3, cutoff=0.6)
        return [f"{id_} {rules[id_].name}" for id_ in near]
    word = asked.lower()
    close = difflib.get_close_matches(word, names, n=3, cutoff=0.75)
    return [names[name] for name in close] or [shown for name, shown in names.items() if word in name.split("-")][:5]


def _pages_with(word: str) -> list[str]:
    """Return the three rules whose pages have a word most often."""
    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415
    from ota_proxy.rules.pages import page  # noqa: PLC0415

    whole = re.compile(rf"(?i)(?<!\w){re.escape(word)}(?!\w)")
    counts = {rule: len(whole.findall(page(rule.id).body)) for rule in catalogue().values()}
    most = sorted((rule for rule in counts if counts[rule]), key=lambda rule: (-counts[rule], rule.id))
    return [f"{rule.id} {rule.name}" for rule in most[:3]]


def _unknown(asked: str) -> UsageError:
    from ota_proxy.rules.symptoms import nearest  # noqa: PLC0415

    near = _near_names(asked)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif pages := _pages_with(asked):
        hint = f"the pages of {', '.join(pages)} speak of it"
    else:
        titles = [f"'{one.title}'" for one in nearest(asked)]
        hint = (
            f"nearest: {', '.join(titles)}"
            if titles
            else "write what the phone says, such as 'cannot connect to server'"
        )
    return UsageError(f"no rule and no symptom is called '{asked}'", hint=f"{hint}; `ota-proxy rules` lists every rule")


def _page(rule: Rule, paint: Paint) -> str:
    from ota_proxy.report.markdown import as_text  # noqa: PLC0415
    from ota_proxy.rules.pages import page  # noqa: PLC0415
    from ota_proxy.rules.symptoms import confirmation  # noqa: PLC0415

    head = f"{paint.bold(rule.id)} {rule.name} ({paint.tint(rule.severity, rule.severity)})"
    foot = [paint.bold("To confirm it"), f"  {confirmation(rule, _commands())}"]
    return "\n".join([head, looked_for(rule), "", as_text(page(rule.id).body, paint), "", *foot])


def looked_for(rule: Rule) -> str:
    """Say which commands look for a rule, and which do not yet: `looked for by check; not yet by lint`."""
    from ota_proxy.rules.doors import checked_by, planned  # noqa: PLC0415

    now = checked_by(rule, _commands())
    later = [command for command in planned(rule) if command not in now]
    words = f"looked for by {', '.join(now)}" if now else "not looked for by any command yet"
    return words + (f"; not yet by {', '.join(later)}" if now and later else "")


def _commands() -> tuple[str, ...]:
    from ota_proxy.cli.main import COMMANDS  # noqa: PLC0415 - it imports this module

    return COMMANDS


def _fan(symptom: Symptom, paint: Paint) -> str:
    """Return the rules behind a symptom, each with its title and the command that would confirm it."""
    from dataclasses import replace  # noqa: PLC0415

    narrow = replace(paint, width=min(_WIDTH, paint.width))
    lines = [paint.bold(symptom.title), *narrow.wrap(f"Most likely first: {symptom.reason}.", "  ")]
    for number, rule_id in enumerate(symptom.rules, 1):
        lines += ["", *_entry(number, rule_id, narrow)]
    return "\n".join(lines)


def _entry(number: int, rule_id: str, paint: Paint) -> list[str]:
    from ota_proxy.rules.catalogue import catalogue  # noqa: PLC0415
    from ota_proxy.rules.pages import page  # noqa: PLC0415
    from ota_proxy.rules.symptoms import confirmation  # noqa: PLC0415

    rule = catalogue()[rule_id]
    title = page(rule_id).body.partition("\n")[0].removeprefix("# ").replace("`", "")
    first, *rest = paint.wrap(f"{rule.id} {rule.name}: {title}", "      ", f"{number:>3}.  ")
    return [
        first.replace(rule.id, paint.bold(rule.id), 1),
        *rest,
        f"      {paint.tint(confirmation(rule, _commands()), 'note')}",
    ]
