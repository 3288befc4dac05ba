from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ota_proxy.hosts.connect import Answer, Connection, UnreadableError
from ota_proxy.hosts.readers import Named, look, named_by_apache, named_by_nginx


class Local:
    """Runs the script in this machine's shell, as a host would."""

    def run(self, script: str, *args: str) -> Answer:
        done = subprocess.run(["/bin/sh", "-c", script, "x", *args], capture_output=True, text=True, check=False)
        return Answer(done.returncode, done.stdout, done.stderr)


NGINX = r"""
# configuration file /etc/nginx/nginx.conf:
http { # ssl_certificate_key /commented/out.key;
  root /usr/share/nginx/html;
  server { ssl_certificate_key "/etc/ssl/my key.pem"; ssl_certificate /not/a/key.pem;
    location /a/ { alias '/srv/a;b/'; }
    ssl_certificate_key relative.key; proxy_ssl_certificate_key /etc/ssl/client.key;
    location /b/ { root /srv/$host; }
    ssl_certificate_key data:$key; ssl_certificate_key engine:pkcs11:x;
    add_header X "; ssl_certificate_key /in/a/string;";
  }
}
# configuration file /etc/nginx/conf.d/b.conf:
server { ssl_certificate_key /etc/ssl/my\ key.pem; return 200; root html; }
"""


def test_nginx_keys_and_roots_are_read_by_its_grammar_and_not_from_comments_or_strings() -> None:
    named = named_by_nginx(NGINX.replace(r"my\ key", "other"))
    assert named.keys == ("/etc/ssl/my key.pem", "/etc/nginx/relative.key", "/etc/ssl/client.key", "/etc/ssl/other.pem")
    assert named.roots == ("/usr/share/nginx/html", "/srv/a;b/")
    assert named.unresolved == ("/srv/$host", "html")


APACHE = """
ServerName x
# SSLCertificateKeyFile /commented/out.key
<VirtualHost *:443>
  SSLCertificateKeyFile "/etc/ssl/my key.pem"
  sslcertificatekeyfile conf/relative.key
  DocumentRoot /srv/ota
  Alias "/a/" "/srv/other"
  SSLCertificateKeyFile ${KEYS}/a.key
</VirtualHost>
"""


def test_apache_keys_and_roots_are_read_without_regard_to_case() -> None:
    named = named_by_apache(APACHE, "/usr/local/apache2")
    assert named.keys == ("/etc/ssl/my key.pem", "/usr/local/apache2/conf/relative.key")
    assert named.roots == ("/srv/ota", "/srv/other")
    assert named.unresolved == ("${KEYS}/a.key",)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644])
def test_mode_and_owner_of_a_key_are_seen(tmp_path: Path, mode: int) -> None:
    key = tmp_path / "my key.pem"
    key.write_text("secret")
    key.chmod(mode)
    (seen,), why = look(Local(), Named((str(key),), ()))
    assert (seen.mode, seen.owner, seen.under_root, why) == (mode, key.owner(), "", "")


def test_a_key_under_a_document_root_is_found_by_name_and_through_links(tmp_path: Path) -> None:
    root, safe = tmp_path / "www", tmp_path / "safe"
    root.mkdir()
    safe.mkdir()
    (root / "a.key").write_text("")
    (safe / "b.key").write_text("")
    (safe / "link-into-root.key").symlink_to(root / "a.key")
    (tmp_path / "alias").symlink_to(root)
    keys = (root / "a.key", safe / "b.key", safe / "link-into-root.key")
    seen, _ = look(Local(), Named(tuple(map(str, keys)), (str(tmp_path / "alias"),)))
    assert [one.under_root for one in seen] == [str(tmp_path / "alias"), "", str(tmp_path / "alias")]


def test_a_folder_whose_name_only_begins_like_the_root_is_not_under_it(tmp_path: Path) -> None:
    (tmp_path / "www-keys").mkdir()
    (tmp_path / "www").mkdir()
    key = tmp_path / "www-keys" / "a.key"
    key.write_text("")
    (seen,), _ = look(Local(), Named((str(key),), (str(tmp_path / "www"),)))
    assert seen.under_root == ""


def test_a_key_that_is_not_there_has_a_reason_and_costs_no_other(tmp_path: Path) -> None:
    there = tmp_path / "there.key"
    there.write_text("")
    seen, why = look(Local(), Named((str(tmp_path / "gone.key"), str(there)), (), ("$root",)))
    assert [one.path for one in seen] == [str(there)]
    assert "gone.key" in why
    assert "$root is known to the server only" in why


def test_no_named_key_needs_no_look() -> None:
    def never(_: str) -> object:
        raise AssertionError("nothing to look at")

    assert look(Connection("test://", 1.0, never), Named((), ("/srv",))) == ((), "")


def test_an_answer_with_lines_missing_is_no_answer() -> None:
    class Silent:
        def run(self, script: str, *args: str) -> Answer:
            return Answer(127, "", f"sh: stat: not found {len(script)} {args}")

    with pytest.raises(UnreadableError, match="stat: not found"):
        look(Silent(), Named(("/a.key",), ()))
