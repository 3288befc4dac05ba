"""Names of several certificates that the site does not say: from their files where they can be read, and said; else all for all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ota_proxy.harness.authority import Authority, Kind
from tests.support.command_line import Run

A, B, C, WILD = "a.example.com", "b.example.com", "c.example.com", "*.example.com"
Put = Callable[..., str]
CERTIFICATE = "ssl_certificate "


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def put(authority: Authority, tmp_path: Path) -> Put:
    """Write a certificate and its key, and return the certificate's path."""

    def write(name: str, *domains: str, kind: Kind = "ecdsa") -> str:
        issued = authority.issue(domains, kind)
        (tmp_path / f"{name}.pem").write_bytes(issued.cert_chain_pem)
        (tmp_path / f"{name}.key").write_bytes(issued.key_pem)
        return str(tmp_path / f"{name}.pem")

    return write


def words(domains: list[str], *certs: str) -> list[str]:
    found = [word for name in domains for word in ("--domain", name)]
    for cert in certs:
        found += ["--cert", cert, "--key", cert.removesuffix(".pem") + ".key"]
    return ["render", "nginx", "--server-version", "debian12", "--root", "/srv/ota", *found]


def servers(text: str) -> list[tuple[str, list[str]]]:
    """Return the names and certificates of every TLS server that has a name."""
    found = []
    for block in text.split("server_name ")[1:]:
        lines = [line.strip() for line in block.splitlines()]
        certs = [line.split()[1].rstrip(";") for line in lines if line.startswith("ssl_certificate ")]
        if not block.startswith("_") and certs:
            found.append((block.partition(";")[0], [Path(path).stem for path in certs]))
    return found


def explicit(place: Path, domains: list[str], pairs: dict[str, list[str]]) -> str:
    tables = [
        f'[[certificates]]\ncert = "{cert}"\nkey = "{cert.removesuffix(".pem")}.key"\ndomains = {names}\n'
        for cert, names in pairs.items()
    ]
    text = f'domains = {domains}\n[[locations]]\nroot = "/srv/ota"\n{"".join(tables)}'
    (place / "named.toml").write_text(text.replace("'", '"'), encoding="utf-8")
    return str(place / "named.toml")


def test_two_certificates_for_two_names_are_two_servers_and_it_is_said(put: Put, run: Run) -> None:
    said = run(*words([A, B], put("a", A), put("b", B)))
    assert said.code == 0
    assert servers(said.out) == [(A, ["a"]), (B, ["b"])]
    assert f"certificates[0] is for {A}, as" in said.err
    assert said.err.count("write domains into the site") == 2
    header = " ".join(line.strip("# ") for line in said.out.split("\n\n")[0].splitlines())
    assert header.count("write domains into the site, and every machine renders the same") == 2


def test_named_in_the_site_the_bytes_are_the_same_without_the_files(put: Put, run: Run, tmp_path: Path) -> None:
    site = explicit(tmp_path, [A, B], {put("a", A): [A], put("b", B): [B]})
    there = run("render", "nginx", "--site", site)
    for path in (*tmp_path.glob("*.pem"), *tmp_path.glob("*.key")):
        path.unlink()
    assert run("render", "nginx", "--site", site) == there
    assert servers(there.out) == [(A, ["a"]), (B, ["b"])]
    assert "on the machine that rendered this" not in there.out + there.err


def test_only_the_note_in_the_header_tells_names_read_from_names_written(put: Put, run: Run, tmp_path: Path) -> None:
    one, two = put("a", A), put("b", B)
    read = run(*words([A, B], one, two)).out.partition("\n\n")[2]
    assert read == run("render", "nginx", "--server-version", "debian12", "--site", explicit(tmp_path, [A, B], {one: [A], two: [B]})).out.partition("\n\n")[2]  # fmt: skip


def test_a_pair_of_two_kinds_renders_the_same_with_and_without_its_files(put: Put, run: Run) -> None:
    paths = [put("ec", A, B), put("rsa", A, B, kind="rsa")]
    there = run(*words([A, B], *paths))
    for path in paths:
        Path(path).unlink()
    gone = run(*words([A, B], *paths))
    assert there.out == gone.out
    assert servers(there.out) == [(f"{A} {B}", ["ec", "rsa"])]
    assert "cannot be read here" in gone.err
    assert "cannot be read here" not in there.err


@pytest.mark.parametrize("obstacle", ["gone", "pipe", "garbage", "key"])
def test_what_cannot_be_read_is_never_waited_for(obstacle: str, put: Put, run: Run, tmp_path: Path) -> None:
    one, two = put("a", A), tmp_path / "b.pem"
    if obstacle == "pipe":
        os.mkfifo(two)
    elif obstacle != "gone":
        two.write_bytes(b"\x00\xff" if obstacle == "garbage" else (tmp_path / "a.key").read_bytes())
    said = run(*words([A, B], one, str(two)))
    assert said.code == 0
    assert servers(said.out) == [(f"{A} {B}", ["a", "b"])]
    assert f"{two} cannot be read here" in said.err


def test_the_name_itself_comes_before_a_wildcard_of_the_same_kind(put: Put, run: Run) -> None:
    said = run(*words([A, B], put("a", A), put("wild", WILD), put("rsa", A, B, kind="rsa")))
    assert servers(said.out) == [(A, ["a", "rsa"]), (B, ["wild", "rsa"])]


def test_two_of_a_kind_for_one_name_are_refused(put: Put, run: Run) -> None:
    said = run(*words([A, B], put("a", A, B), put("b", A)))
    assert said.code == 2
    assert "--cert: certificates[1]: this certificate and certificates[0] are both ECDSA and both for" in said.complaint


def test_a_certificate_of_no_name_here_is_refused(put: Put, run: Run) -> None:
    said = run(*words([A, B], put("a", A), put("b", B), put("c", C)))
    assert said.code == 2
    assert "--cert: certificates[2]: " in said.complaint
    assert "the site has no such name" in said.complaint


def test_a_name_that_no_file_has_is_told(put: Put, run: Run) -> None:
    said = run(*words([A, B, C], put("a", A), put("b", B)))
    assert servers(said.out) == [(f"{A} {C}", ["a"]), (B, ["b"])]
    assert f"no certificate file names {C}: it is shown that of another name" in said.err


def test_a_mistake_in_the_names_has_file_line_and_key(run: Run, tmp_path: Path) -> None:
    site = explicit(tmp_path, [A, B], {"/x/a.pem": [A], "/x/b.pem": [C]})
    said = run("render", "nginx", "--site", site)
    assert said.code == 2
    assert "named.toml:11: certificates[1].domains: c.example.com is not among the site's domains" in said.complaint
