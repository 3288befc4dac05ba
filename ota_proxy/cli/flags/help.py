"""The commands that explain: a rule or complaint, the list of rules, and completion with the man page."""

from __future__ import annotations

from ota_proxy.cli.flags.shared import Commands

_EXPLAIN = """\
Explain a rule, an alert of the phone, an error code, any complaint in your own words, or a log: causes, most likely first, and what to run next.

  ota-proxy explain OTA406
  ota-proxy explain package-no-range
  ota-proxy explain "cannot connect to server"
  ota-proxy explain icon stays grey on waiting, android is fine
  ota-proxy explain NSURLErrorDomain -1202
  ota-proxy explain "500.19 duplicate mimeMap"
  ota-proxy explain - < console.log

`-` reads a device's console, a browser's console or a server's error or access log from standard input, and names the rules with the lines.
Words may be misspelt and in other languages. The network is not used. If nothing fits, the answer says so.
"""


def add_explain(commands: Commands) -> None:
    """Add `explain`."""
    command = commands.add_parser(
        "explain",
        help="what a rule, an alert on the phone, an error code or a log means",
        description=_EXPLAIN,
    )
    command.add_argument(
        "what",
        metavar="RULE|SYMPTOM",
        nargs="+",
        help="a rule's id or name, what is wrong in any words, or - to read a log",
    )
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.set_defaults(run="ota_proxy.cli.explain:run")


DOORS = {"c": "check", "v": "verify", "l": "lint", "a": "audit", "r": "render"}


_RULES = """\
List the rules, and say which command checks which.

  ota-proxy rules
  ota-proxy rules --door check
  ota-proxy rules --format json
"""


def add_rules(commands: Commands) -> None:
    """Add `rules`."""
    command = commands.add_parser("rules", help="list every rule", description=_RULES)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.add_argument(
        "--door",
        choices=(*DOORS, *DOORS.values()),
        metavar="DOOR",
        help="only the rules of one command: check, verify, lint, audit, render, or its first letter",
    )
    command.set_defaults(run="ota_proxy.cli.rules:run")


_COMPLETION = """\
Print a completion for a shell, or the man page. A wheel installs them in share/ too, where shells and man look.

  ota-proxy completion bash > ~/.ota-proxy.bash
  ota-proxy completion zsh > ~/.zsh/completions/_ota-proxy
  ota-proxy completion fish > ~/.config/fish/completions/ota-proxy.fish
  ota-proxy completion powershell > ota-proxy.ps1
  ota-proxy completion man > ota-proxy.1

For bash and PowerShell, source the file in ~/.bashrc or $PROFILE; for zsh the folder must be in $fpath before compinit.
"""


WHAT = ("bash", "zsh", "fish", "powershell", "man")
"""Values of the argument; each is a module of `shells` with a function `render`."""


def add_completion(commands: Commands) -> None:
    """Add `completion`."""
    command = commands.add_parser("completion", help="completion for a shell, man page", description=_COMPLETION)
    command.add_argument("what", metavar="|".join(WHAT), choices=WHAT, help="the shell, or the man page ota-proxy(1)")
    command.set_defaults(run="ota_proxy.cli.completion:run")
