"""The files that the optional keys name, held against what they are for; each mistake with the line of its key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from ota_proxy.errors import UsageError
from ota_proxy.harness.named_files import check_named_files
from ota_proxy.settings import Loaded, load
from ota_proxy.settings.flags import SiteFlags

SITE = """
domains = ["ota.example.com"]
[[locations]]
root = "/srv/ota"
[[locations]]
path = "/staff/"
root = "/srv/staff"
[auth]
htpasswd = "{0}/htpasswd"
[client_certificates]
ca = "{0}/ca.pem"
locations = ["/staff/"]
[error_pages]
folder = "{0}/pages"
statuses = [404, 403]
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "site.toml").write_text(SITE.format(tmp_path))
    (tmp_path / "htpasswd").write_text("# people\nanna:$2y$05$abc\n\nbert:{SHA}abc\ncarl:abcdefghijklm\n")
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "pages").mkdir()
    for status in (403, 404):
        (tmp_path / "pages" / f"{status}.html").write_text("no")
    return load(str(tmp_path / "site.toml"), SiteFlags(), environ={})


def test_files_that_are_what_they_should_be_are_taken(loaded: Loaded) -> None:
    check_named_files(loaded)


@pytest.mark.parametrize(
    ("spoil", "line", "said"),
    [
        (lambda place: (place / "htpasswd").unlink(), 9, "cannot be read: No such file"),
        (lambda place: (place / "htpasswd").write_text("# nobody\n"), 9, "holds no name and password"),
        (lambda place: (place / "htpasswd").write_text("anna:open sesame\n"), 9, "entry 1 is not NAME:HASH"),
        (lambda place: (place / "htpasswd").write_text("anna:$1$x\nbert\n"), 9, "entry 2 is not NAME:HASH"),
        (lambda place: (place / "ca.pem").write_text("no certificate"), 11, "holds no PEM certificate"),
        (lambda place: (place / "pages" / "403.html").unlink(), 14, "403.html cannot be read"),
        (
            lambda place: (place / "pages" / "404.html").rename(place / "x") and (place / "pages" / "404.html").mkdir(),
            14,
            "404.html is not a file",
        ),
    ],
)
def test_a_file_that_is_missing_or_something_else_is_told(
    loaded: Loaded, tmp_path: Path, spoil: Callable[[Path], object], line: int, said: str
) -> None:
    spoil(tmp_path)
    with pytest.raises(UsageError, match=said) as caught:
        check_named_files(loaded)
    assert f"site.toml:{line}: " in caught.value.place
    assert caught.value.hint
