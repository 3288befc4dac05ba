"""nginx trees: includes in nginx's order and context, path maps, dumps, fragments, and what keeps a tree from being read."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from ota_proxy.errors import UsageError
from ota_proxy.servers.nginx.tree import Tree, descendants, load
from ota_proxy.servers.tree_files import DumpFiles, PathMap, expand
from tests.support.nginx_tricky import Tricky, tricky

MAIN = "events {}\nhttp {\n include types.conf;\n include conf.d/*.conf;\n}\n"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_conf", ".conf").replace("conf_d", "conf.d")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def texts(tree: Tree) -> list[str]:
    return [f"{node.text} {Path(node.span.file).name}:{node.span.line}" for node in descendants(tree.nodes)]


def said(tree: Tree) -> list[str]:
    return [f"{Path(one.span.file).name}:{one.span.line}: {one.message}" for one in tree.problems]


def test_includes_stand_where_they_are_read_in_byte_order(tmp_path: Path) -> None:
    write(tmp_path, nginx_conf=MAIN, types_conf="types { a b; }\n", conf_d__b_conf="server { b; }\n")
    for name in ("b.conf", "B.conf", "a.conf", ".hidden.conf", "10.conf", "9.conf", "c.txt"):
        (tmp_path / "conf.d" / name).write_text(f"server_{name[0]} x;\n")
    tree = load(tmp_path)
    assert tree.problems == ()
    names = [node.name for node in descendants(tree.nodes)]
    assert names == ["events", "http", "types", "a", "server_1", "server_9", "server_B", "server_a", "server_b"]


def test_the_order_is_the_real_servers(tmp_path: Path) -> None:
    names = ["b", "B", "_", "a b", "é", "Z-", "1", "10", "2", "[x]"]
    for name in names:
        (tmp_path / f"{name}.conf").write_text("")
    listed = [os.fsencode(name) for name in sorted(f"{name}.conf" for name in names)]
    shell = subprocess.run(
        ["sh", "-c", "printf '%s\\n' *.conf"], cwd=tmp_path, capture_output=True, check=True, env={"LC_ALL": "C"}
    )
    ours = expand(f"{tmp_path}/*.conf", os.listdir)
    assert (
        [os.fsencode(Path(one).name) for one in sorted(ours, key=os.fsencode)]
        == shell.stdout.splitlines()
        == sorted(listed)
    )


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/d/*.conf", ["/d/a.conf", "/d/b.conf"]),
        ("/d/[!a]*", ["/d/b.conf", "/d/c"]),
        ("/d/[^a]*", ["/d/b.conf", "/d/c"]),
        ("/d/?.conf", ["/d/a.conf", "/d/b.conf"]),
        ("/*/a.conf", ["/d/a.conf"]),
        ("/d/.h*", ["/d/.hidden"]),
        ("/d/none*", []),
    ],
)
def test_patterns_are_those_of_glob(pattern: str, expected: list[str]) -> None:
    files = {"/": ["d"], "/d": ["a.conf", "b.conf", "c", ".hidden"]}
    assert sorted(expand(pattern, lambda folder: files.get(folder, []))) == expected


def test_a_file_is_read_again_in_every_context(tmp_path: Path) -> None:
    write(
        tmp_path,
        nginx_conf="http { server { include x.conf; location / { include x.conf; } } }",
        x_conf="add_header A b;",
    )
    tree = load(tmp_path / "nginx.conf")
    found = [node for node in descendants(tree.nodes) if node.name == "add_header"]
    assert len(found) == 2
    assert found[0].document is found[1].document


def test_paths_are_relative_to_the_main_files_folder(tmp_path: Path) -> None:
    write(
        tmp_path,
        nginx_conf="http { include sub/a.conf; }",
        sub__a_conf="include b.conf;",
        b_conf="right on;",
        sub__b_conf="wrong on;",
    )
    assert texts(load(tmp_path))[1:] == ["right on b.conf:1"]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"nginx_conf": "http { include a.conf; }", "a_conf": "\ninclude b.conf;", "b_conf": "include a.conf;"}, "b.conf:1: {0}/a.conf includes itself"),
        ({"nginx_conf": "include nginx.conf;"}, "nginx.conf:1: {0}/nginx.conf includes itself"),
        ({"nginx_conf": "http {\n include a.conf;\n}"}, "nginx.conf:2: {0}/a.conf cannot be included: No such file or directory"),
        ({"nginx_conf": "include /etc/shadow;"}, "nginx.conf:1: /etc/shadow cannot be included: it lies outside of what was named"),
        ({"nginx_conf": "include ../x.conf;"}, "nginx.conf:1: "),
        ({"nginx_conf": "include /none/*.conf;"}, "nginx.conf:1: /none/*.conf: the folder /none is not here"),
        ({"nginx_conf": "http { include a.conf; }", "a_conf": "server {"}, "a.conf:1: unexpected end of file"),
        ({"nginx_conf": "http {\n types { a { b; } } }"}, 'nginx.conf:2: unexpected "{" inside `types`'),
        ({"nginx_conf": "http { server { listen {{ port }}; } }"}, "nginx.conf:1: {{ port }} is a template's placeholder"),
        ({"nginx_conf": "http { server { listen <%= @port %>; } }"}, "nginx.conf:1: <%= @port %> is a template's placeholder"),
        ({"nginx_conf": "http { server { listen ${PORT}; } }"}, "nginx.conf:1: ${PORT} is a template's placeholder"),
        ({"nginx_conf": "http { server { server_name ${host}; } }"}, "nginx.conf:1: ${host} is a template's placeholder"),
        ({"nginx_conf": "http { server { root @@ROOT@@; } }"}, "nginx.conf:1: @@ROOT@@ is a template's placeholder"),
    ],
)  # fmt: skip
def test_what_keeps_a_tree_from_being_read_has_its_place(tmp_path: Path, files: dict[str, str], problem: str) -> None:
    write(tmp_path, **files)
    found = said(load(tmp_path / "nginx.conf"))
    assert found
    assert found[0].startswith(problem.replace("{0}", str(tmp_path)))


@pytest.mark.parametrize(
    "text",
    [
        "# {{ x }} and ${PORT}\n",
        "set $KEY 1; return 200 $KEY;",
        "map $uri $CACHE { }",
        "location ~ ^/(?<NAME>a)$ { return 200 $NAME; }",
        "return 200 $HOST;",
        "return 301 https://$host;",
    ],
)
def test_what_only_looks_like_a_placeholder_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "nginx.conf").write_text(f"http {{ server {{ {text}\n }} }}")
    assert said(load(tmp_path)) == []


@pytest.mark.parametrize("case", [one for one in tricky() if one.taken], ids=lambda case: case.name)
def test_what_nginx_takes_is_read(tmp_path: Path, case: Tricky) -> None:
    (tmp_path / "nginx.conf").write_bytes(case.data)
    templates = {"jinja quoted", "at signs"}
    empty = {"include glob empty"}  # nginx has the folder's absence pass; what would be there is not known here
    assert bool(load(tmp_path).problems) == (case.name in templates | empty)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, tree__nginx_conf="include link.conf;", secret_conf="secret on;")
    (tmp_path / "tree" / "link.conf").symlink_to(tmp_path / "secret.conf")
    tree = load(tmp_path / "tree")
    assert "a link leads out of the folder" in said(tree)[0]
    assert texts(tree) == []


def test_a_pipe_and_a_folder_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.conf")
    (tmp_path / "folder.conf").mkdir()
    (tmp_path / "nginx.conf").write_text("include *.conf;")
    (tmp_path / "nginx.conf").rename(tmp_path / "main")
    assert [one.rpartition(": ")[2] for one in said(load(tmp_path / "main"))] == [
        "it is a folder, not a file",
        "it is a pipe, not a file",
    ]


def test_a_repository_is_read_by_its_map(tmp_path: Path) -> None:
    write(
        tmp_path,
        repo__nginx_conf="http { include /etc/nginx/conf.d/*.conf; include mime.types; }",
        repo__conf_d__a_conf="server { x y; }",
    )
    tree = load(tmp_path / "repo", (PathMap.parsed(f"/etc/nginx={tmp_path / 'repo'}"),))
    assert (tree.main, tree.problems) == ("/etc/nginx/nginx.conf", ())
    assert texts(tree)[-1] == "x y a.conf:1"
    assert [hole.about for hole in tree.holes] == ["types"]


def test_links_by_the_servers_paths_lead_to_the_files_of_the_map(tmp_path: Path) -> None:
    write(
        tmp_path, r__nginx_conf="http { include /etc/nginx/sites-enabled/*; }", r__sites_available__a="server { x y; }"
    )
    (tmp_path / "r" / "sites_available").rename(tmp_path / "r" / "sites-available")
    (tmp_path / "r" / "sites-enabled").mkdir()
    (tmp_path / "r" / "sites-enabled" / "a").symlink_to("/etc/nginx/sites-available/a")
    tree = load(tmp_path / "r", (PathMap.parsed(f"/etc/nginx={tmp_path / 'r'}"),))
    assert tree.problems == ()
    assert texts(tree)[-1] == "x y a:1"


def test_without_sites_enabled_all_of_sites_available_is_read_and_said(tmp_path: Path) -> None:
    (tmp_path / "sites-available").mkdir()
    (tmp_path / "sites-available" / "a").write_text("server { x y; }")
    (tmp_path / "nginx.conf").write_text("http { include sites-enabled/*; }")
    tree = load(tmp_path)
    assert texts(tree)[-1] == "x y a:1"
    assert "sites-available was read instead" in tree.notes[0]


def test_a_dump_is_read_as_its_files(tmp_path: Path) -> None:
    dump = tmp_path / "dump.txt"
    dump.write_text(
        "nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
        "# configuration file /etc/nginx/nginx.conf:\nhttp {\n  include conf.d/*.conf;\n}\n\n"
        "# configuration file /etc/nginx/conf.d/a.conf:\n# mine\nserver { x y; }\n\n"
    )
    tree = load(dump)
    assert tree.problems == ()
    assert texts(tree)[-1] == "x y a.conf:2"
    assert tree.notes == ("read as what `nginx -T` printed: 2 files",)


def test_a_comment_that_speaks_of_a_configuration_file_makes_no_dump() -> None:
    assert DumpFiles.parsed(b"user x;\n# configuration file /a:\n") is None


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("http { }", "main"),
        ("user x; include y/*;", "main"),
        ("server { listen 80; }", "http"),
        ("map $a $b { }\nserver { }", "http"),
        ("location / { }", "server"),
        ("listen 80;\nlocation / { }", "server"),
        ("add_header A b;", "location"),
    ],
)
def test_a_fragment_is_recognised_by_what_is_in_it(tmp_path: Path, text: str, context: str) -> None:
    (tmp_path / "y").mkdir()
    (tmp_path / "x.conf").write_text(text)
    tree = load(tmp_path / "x.conf")
    assert tree.context == context
    assert bool(tree.notes) == (context != "main")


@pytest.mark.parametrize("text", ["/etc/nginx", "=x", "etc=.", "/a=/none/there"])
def test_a_map_that_is_not_valid_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        PathMap.parsed(text)


def test_a_folder_without_a_main_file_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no nginx\.conf"):
        load(tmp_path)
    (tmp_path / "a.conf").write_text("server { }")
    (tmp_path / "b.conf").write_text("server { }")
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert "name one of them" in caught.value.hint
