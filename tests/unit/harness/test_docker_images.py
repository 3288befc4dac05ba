"""Which image is started, and what is said where there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pytest

from ota_proxy.errors import EXIT_NO_VERDICT, NoVerdictError
from ota_proxy.harness.docker import images
from ota_proxy.resources import folder


class Shelf:
    """An image store: what is here, and what its registry has."""

    def __init__(self, *here: str, registry: tuple[str, ...] = ()) -> None:
        self.here, self.registry = list(here), registry
        self.pulled: list[str] = []

    def tags(self) -> Mapping[str, str]:
        return {tag: f"id of {tag}" for tag in self.here}

    def image_id(self, ref: str) -> str:
        return self.tags().get(ref, "")

    def pull(self, ref: str) -> None:
        if ref not in self.registry:
            raise NoVerdictError("the registry does not answer")
        self.pulled.append(ref)
        self.here.append(ref)


def test_the_image_asked_for_wins_over_one_built_here() -> None:
    shelf = Shelf(images.debian_image("trixie"), "mine/nginx:7")
    assert images.choose(shelf, "nginx", "mine/nginx:7") == "mine/nginx:7"


def test_an_image_asked_for_that_is_not_here_is_pulled() -> None:
    shelf = Shelf(images.debian_image("trixie"), registry=("mine/nginx:7",))
    assert images.choose(shelf, "nginx", "mine/nginx:7") == "mine/nginx:7"
    assert shelf.pulled == ["mine/nginx:7"]


def test_an_image_built_here_wins_over_the_registry() -> None:
    shelf = Shelf(images.debian_image("bullseye"), registry=("nginx:stable",))
    assert images.choose(shelf, "nginx") == images.debian_image("bullseye")
    assert not shelf.pulled


def test_of_several_built_here_the_first_in_the_table_is_taken() -> None:
    shelf = Shelf(*map(images.debian_image, reversed(images.suites())))
    assert images.choose(shelf, "apache") == images.debian_image(images.suites()[0])


@pytest.mark.parametrize(("server", "official"), [("nginx", "nginx:stable"), ("apache", "httpd:2.4")])
def test_without_any_the_project_s_own_image_is_pulled(server: str, official: str) -> None:
    shelf = Shelf(registry=(official,))
    assert images.choose(shelf, server) == official
    assert images.choose(shelf, server) == official
    assert shelf.pulled == [official]


def test_the_name_of_a_suite_means_the_image_built_of_it() -> None:
    shelf = Shelf(*map(images.debian_image, images.suites()))
    assert {images.choose(shelf, "nginx", suite) for suite in images.suites()} == set(shelf.here)


def test_a_suite_that_is_not_built_is_no_verdict_with_the_command_that_builds_it() -> None:
    with pytest.raises(NoVerdictError, match="has not been built yet") as caught:
        images.choose(Shelf(), "nginx", "forky")
    assert caught.value.exit_code == EXIT_NO_VERDICT
    assert caught.value.hint.endswith("build-images.sh forky")


def test_an_image_of_another_build_script_does_not_count() -> None:
    stale = images.debian_image("forky").rpartition(":")[0] + ":0123456789ab"
    with pytest.raises(NoVerdictError, match="built by another version"):
        images.choose(Shelf(stale), "nginx", "forky")


def test_no_image_and_no_registry_is_no_verdict_that_says_how_to_get_one() -> None:
    with pytest.raises(NoVerdictError, match=r"no image with apache here.*registry does not answer") as caught:
        images.choose(Shelf(), "apache")
    assert "build-images.sh" in caught.value.hint


def test_a_given_image_that_nobody_has_names_the_flag() -> None:
    with pytest.raises(NoVerdictError, match="no image mine/nginx:8 here") as caught:
        images.choose(Shelf(), "nginx", "mine/nginx:8")
    assert caught.value.place == "--image"
    assert "`docker images`" in caught.value.hint


def test_a_misspelt_suite_is_recognised() -> None:
    with pytest.raises(NoVerdictError, match="no image bookwrom here") as caught:
        images.choose(Shelf(), "nginx", "bookwrom")
    assert caught.value.hint == "did you mean 'bookworm'?"


def test_the_tag_is_the_hash_that_the_build_script_computes_of_itself() -> None:
    script = (folder("compose") / images.BUILD_SCRIPT).read_bytes()
    assert images.debian_image("trixie").endswith(":" + hashlib.sha256(script).hexdigest()[:12])
    assert b'sha256sum "$0" | cut -c1-12' in script


def test_the_suites_of_the_table_are_those_the_script_builds_by_default() -> None:
    script = (folder("compose") / images.BUILD_SCRIPT).read_text(encoding="utf-8")
    default = next(line for line in script.splitlines() if "|| set --" in line)
    assert set(default.partition("set --")[2].split()) == set(images.suites())


def test_mock_servers_run_in_the_same_image_when_it_was_built_here_and_in_one_with_nginx_otherwise() -> None:
    built = images.debian_image("trixie")
    assert images.helper(Shelf(built), built) == built
    assert images.helper(Shelf("httpd:2.4", registry=("nginx:stable",)), "httpd:2.4") == "nginx:stable"
