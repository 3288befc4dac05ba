"""The commands about settings and this machine: config, clean, doctor."""

from __future__ import annotations

from ota_proxy.cli.flags.shared import Commands, add_site_flags

_CONFIG = """\
Every setting with its value and where it came from, or the JSON Schema of the site file.

  ota-proxy config show              a whole ota-proxy.toml, to start from
  ota-proxy config schema            for editors that complete and check it
  ota-proxy config schema report     for programs that read our reports
"""


_SHOW = """\
Print every setting as TOML, with where it came from. The output is a site file itself.

  ota-proxy config show
  ota-proxy config show --domain ota.example.com > ota-proxy.toml
  ota-proxy config show --format json
"""


_SCHEMA = """\
Print a JSON Schema (draft 2020-12), with a description of every key: of ota-proxy.toml (site),
of what --format json writes (report), of each line that check --targets prints (line).

  ota-proxy config schema > ota-proxy.schema.json
  ota-proxy config schema report > report.schema.json
"""


def add_config(commands: Commands) -> None:
    """Add `config`."""
    command = commands.add_parser("config", help="show the settings, or their schema", description=_CONFIG)
    what = command.add_subparsers(dest="what", metavar="show|schema", required=True)
    show = what.add_parser("show", help="every setting as TOML, with where it came from", description=_SHOW)
    add_site_flags(show)
    show.add_argument(
        "--format", choices=("text", "json"), default="text", dest="show_format", help="text is TOML with comments"
    )
    show.set_defaults(run="ota_proxy.cli.config:run_show")
    schema = what.add_parser("schema", help="JSON Schema of ota-proxy.toml, or of a report", description=_SCHEMA)
    schema.add_argument("of", nargs="?", choices=("site", "report", "line"), default="site", help="default: site")
    schema.set_defaults(run="ota_proxy.cli.config:run_schema")


_CLEAN = """\
Remove containers that ota-proxy made and that no current run owns, including those of --keep, and temporary folders of runs that were killed.

  ota-proxy verify nginx --keep     leaves its server running
  ota-proxy clean                   removes it
"""


def add_clean(commands: Commands) -> None:
    """Add `clean`."""
    command = commands.add_parser("clean", help="remove leftover containers and folders", description=_CLEAN)
    command.set_defaults(run="ota_proxy.cli.clean:run")


_DOCTOR = """\
Say what this machine can run, what is missing, and how to get it. Nothing is started or pulled.
Exit code 0 if nginx or Apache can be started here, otherwise 3.

  ota-proxy doctor
  ota-proxy doctor --format json
"""


def add_doctor(commands: Commands) -> None:
    """Add `doctor`."""
    command = commands.add_parser("doctor", help="what is missing on this machine", description=_DOCTOR)
    command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    command.set_defaults(run="ota_proxy.cli.doctor:run")
