"""The certificate files a site names: looked at by `render --check-files` and by `verify`, each fault in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from ota_proxy.harness.authority import Authority, Flaw
from tests.support.command_line import Run

COMMANDS = (("render", "nginx", "--check-files"), ("verify", "nginx", "--dry-run"), ("verify", "nginx"))
DOMAIN = "ota.example.com"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def pair(authority: Authority, tmp_path: Path) -> tuple[Path, Path]:
    issued = authority.issue((DOMAIN,))
    cert, key = tmp_path / "site.pem", tmp_path / "site.key"
    cert.write_bytes(issued.cert_chain_pem)
    key.write_bytes(issued.key_pem)
    return cert, key


@pytest.fixture
def issue(authority: Authority, tmp_path: Path) -> Callable[[list[str]], list[str]]:
    """Return the flags of a certificate for these names."""

    def written(names: list[str]) -> list[str]:
        issued = authority.issue(names)
        (tmp_path / "own.pem").write_bytes(issued.cert_chain_pem)
        (tmp_path / "own.key").write_bytes(issued.key_pem)
        return ["--cert", str(tmp_path / "own.pem"), "--key", str(tmp_path / "own.key")]

    return written


def words(cert: Path, key: Path) -> tuple[str, ...]:
    return ("--domain", DOMAIN, "--root", "/srv/ota", "--cert", str(cert), "--key", str(key))


def encrypt(key: Path) -> None:
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    key.write_bytes(private.private_bytes(*form, serialization.BestAvailableEncryption(b"secret")))


def der(key: Path) -> None:
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8)
    key.write_bytes(private.private_bytes(*form, serialization.NoEncryption()))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def other_key(path: Path) -> None:
    path.write_bytes(Authority().issue((DOMAIN,)).key_pem)


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing certificate": ("cert", Path.unlink, "does not exist"),
    "missing key": ("key", Path.unlink, "does not exist"),
    "folder": ("cert", replace_by_folder, "cannot be read: it is a folder, not a file"),
    "empty": ("cert", lambda path: path.write_bytes(b""), "holds no PEM certificate"),
    "garbage": ("cert", lambda path: path.write_bytes(b"\x00\xff" * 99), "holds no PEM certificate"),
    "broken certificate": (
        "cert",
        lambda path: path.write_bytes(path.read_bytes().replace(b"M", b"N", 3)),
        "holds no PEM certificate",
    ),
    "garbage key": ("key", lambda path: path.write_bytes(b"nothing"), "holds no PEM private key"),
    "encrypted key": ("key", encrypt, "is encrypted, so a server cannot start alone"),
    "binary key": ("key", der, "holds no PEM private key"),
    "strange key": ("key", other_key, "does not belong to the certificate"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_flag_and_path(
    fault: str, command: tuple[str, ...], pair: tuple[Path, Path], run: Run
) -> None:
    part, spoil, sentence = FAULTS[fault]
    path = pair[0] if part == "cert" else pair[1]
    spoil(path)
    said = run(*command, *words(*pair))
    assert said.code == 2
    assert said.complaint.startswith(f"ota-proxy: error: --{part}: certificates[0].{part}: ")
    assert str(path) in said.complaint
    assert sentence in said.complaint
    assert "hint: " in said.complaint
    assert "starting" not in said.err


def test_swapped_files_are_recognised(pair: tuple[Path, Path], run: Run) -> None:
    assert "are the two swapped?" in run("render", "nginx", "--check-files", *words(pair[1], pair[0])).complaint


def test_a_binary_key_is_told_how_to_become_pem(pair: tuple[Path, Path], run: Run) -> None:
    der(pair[1])
    assert "openssl pkey -inform der" in run("render", "nginx", "--check-files", *words(*pair)).complaint


def test_a_fault_of_a_site_file_is_named_with_its_line(pair: tuple[Path, Path], run: Run) -> None:
    pair[1].unlink()
    text = f'domains = ["{DOMAIN}"]\n[[certificates]]\ncert = "{pair[0]}"\nkey = "{pair[1]}"\n'
    Path("ota-proxy.toml").write_text(text, encoding="utf-8")
    said = run("render", "nginx", "--check-files")
    assert said.complaint.startswith("ota-proxy: error: ota-proxy.toml:4: certificates[0].key: ")


def test_a_fault_of_a_variable_is_named_with_it(
    pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    pair[1].unlink()
    for name, value in (("DOMAIN", DOMAIN), ("CERT", str(pair[0])), ("KEY", str(pair[1]))):
        monkeypatch.setenv(f"OTA_PROXY_{name}", value)
    said = run("render", "nginx", "--check-files")
    assert said.complaint.startswith("ota-proxy: error: OTA_PROXY_KEY: certificates[0].key: ")


def test_files_that_match_are_no_obstacle(pair: tuple[Path, Path], run: Run) -> None:
    assert run("render", "nginx", "--check-files", *words(*pair)).code == 0
    assert run("verify", "nginx", "--dry-run", *words(*pair)).code == 0


def test_render_alone_looks_at_no_file(run: Run) -> None:
    assert run("render", "nginx", *words(Path("/none.pem"), Path("/none.key"))).code == 0


def test_render_looks_at_assumed_files_only_where_it_is_asked_to(run: Run) -> None:
    said = run("render", "nginx", "--check-files")
    assert said.code == 2
    assert "certificates[0].cert (assumed): the file /etc/letsencrypt/live/ota.example.com/" in said.complaint


def test_verify_does_not_look_at_assumed_files_nor_where_it_is_told_not_to(run: Run) -> None:
    assert run("verify", "nginx", "--dry-run").code == 0
    named = words(Path("/none.pem"), Path("/none.key"))
    assert run("verify", "nginx", "--dry-run", *named).code == 2
    assert run("verify", "nginx", "--dry-run", "--no-check-files", *named).code == 0


UNFIT: dict[Flaw, str] = {
    "expired": "expired on ",
    "not-yet-valid": "is not valid before ",
    "wrong-host": "is for other.invalid; ota.example.com is not among its names",
    "no-san": "has no DNS name in its subject alternative name, and its common name does not count",
    "wrong-order": "certificate 2 of ",
}
DOUBTFUL: dict[Flaw, str] = {
    "missing-intermediate": "the issuer CN=ota-proxy test intermediate of the certificate ",
    "self-signed": "signed itself: every device must be told to trust it",
}


@pytest.mark.parametrize("command", COMMANDS[:2], ids=" ".join)
@pytest.mark.parametrize("flaw", UNFIT)
def test_a_certificate_that_devices_refuse_is_refused(
    flaw: Flaw, command: tuple[str, ...], authority: Authority, tmp_path: Path, run: Run
) -> None:
    cert, key = _written(tmp_path, authority, flaw)
    said = run(*command, *words(cert, key))
    assert said.code == 2
    assert said.complaint.startswith("ota-proxy: error: --cert: certificates[0].cert: ")
    assert UNFIT[flaw] in said.complaint


@pytest.mark.parametrize("flaw", DOUBTFUL)
def test_what_may_be_meant_so_is_a_warning(flaw: Flaw, authority: Authority, tmp_path: Path, run: Run) -> None:
    said = run("render", "nginx", "--check-files", *words(*_written(tmp_path, authority, flaw)))
    assert said.code == 0
    assert "warning: --cert: certificates[0].cert: " in said.err
    assert DOUBTFUL[flaw] in said.err


def test_a_root_in_the_file_is_a_warning(pair: tuple[Path, Path], authority: Authority, run: Run) -> None:
    pair[0].write_bytes(pair[0].read_bytes() + authority.ca_pem)
    said = run("render", "nginx", "--check-files", *words(*pair))
    assert said.code == 0
    assert "has the root OU=Testing CA" in said.err


def test_an_intermediate_of_somebody_else_is_no_chain(pair: tuple[Path, Path], authority: Authority, run: Run) -> None:
    leaf = authority.issue((DOMAIN,), "ecdsa", "missing-intermediate")
    strange = Authority().issue((DOMAIN,)).cert_chain_pem.split(b"-----END CERTIFICATE-----\n")[1]
    pair[0].write_bytes(leaf.cert_chain_pem + strange + b"-----END CERTIFICATE-----\n")
    pair[1].write_bytes(leaf.key_pem)
    said = run("render", "nginx", "--check-files", *words(*pair))
    assert said.code == 2
    assert "certificate 2 of" in said.complaint
    assert "did not sign the one before it" in said.complaint


@pytest.mark.parametrize(
    ("names", "domains", "fits"),
    [
        (["*.example.com"], ["ota.example.com"], 1),
        (["*.example.com"], ["a.ota.example.com"], 0),
        (["*.example.com"], ["example.com"], 0),
        (["ota.example.com"], ["ota.example.com", "*.example.com"], 0),
        (["*.example.com"], ["ota.example.com", "*.example.com"], 1),
        (["OTA.Example.com"], ["ota.example.com"], 1),
        (["xn--bcher-kva.example.com"], ["bücher.example.com"], 1),
        (["203.0.113.7", "ota.example.com"], ["ota.example.com"], 1),
        (["203.0.113.7"], ["ota.example.com"], 0),
    ],
)
def test_names_are_held_against_the_domains(
    names: list[str], domains: list[str], fits: int, issue: Callable[[list[str]], list[str]], run: Run
) -> None:
    flags = [word for name in domains for word in ("--domain", name)]
    said = run("render", "nginx", "--check-files", *flags, *issue(names))
    assert said.code == (0 if fits else 2), said.err


def test_two_of_a_kind_for_one_name_are_found_in_the_files(authority: Authority, tmp_path: Path, run: Run) -> None:
    tables = ""
    for name in ("one", "two"):
        issued = authority.issue((DOMAIN,))
        (tmp_path / f"{name}.pem").write_bytes(issued.cert_chain_pem)
        (tmp_path / f"{name}.key").write_bytes(issued.key_pem)
        tables += (
            f'[[certificates]]\ncert = "{tmp_path}/{name}.pem"\nkey = "{tmp_path}/{name}.key"\ndomains = ["{DOMAIN}"]\n'
        )
    Path("ota-proxy.toml").write_text(f'domains = ["{DOMAIN}"]\n{tables}', encoding="utf-8")
    assert run("render", "nginx").code == 0
    said = run("render", "nginx", "--check-files")
    assert said.code == 2
    assert f"ota-proxy.toml:7: certificates[1].cert: {DOMAIN} has two ECDSA certificates" in said.complaint


def _written(place: Path, authority: Authority, flaw: Flaw) -> tuple[Path, Path]:
    issued = authority.issue((DOMAIN,), "ecdsa", flaw)
    cert, key = place / "unfit.pem", place / "unfit.key"
    cert.write_bytes(issued.cert_chain_pem)
    key.write_bytes(issued.key_pem)
    return cert, key
