"""The IIS blocks of the rule pages: the right ones are valid, the wrong ones are found by the rule of their page."""

from __future__ import annotations

from pathlib import Path

import pytest

from ota_proxy.rules.registry import checks_of, evaluate
from ota_proxy.rules.rule import Facts
from ota_proxy.servers.iis.effective import read_effective
from ota_proxy.servers.iis.in_force import Configuration
from tests.support.rule_pages import Block, blocks

SCHEMA = {"OTA619", "OTA620", "OTA621", "OTA622"}
BLOCKS = [block for block in blocks("xml") if "iis" in block.words]
WRAPPED = {
    "configuration": "{0}",
    "location": "<configuration>{0}</configuration>",
    "system.webServer": "<configuration>{0}</configuration>",
    "site": "<configuration><system.applicationHost><sites>{0}</sites></system.applicationHost></configuration>",
    "siteDefaults": "<configuration><system.applicationHost><sites>{0}</sites></system.applicationHost></configuration>",
    "sites": "<configuration><system.applicationHost>{0}</system.applicationHost></configuration>",
    "bindings": '<configuration><system.applicationHost><sites><site name="OTA" id="1">{0}</site></sites></system.applicationHost></configuration>',
    "binding": '<configuration><system.applicationHost><sites><site name="OTA" id="1"><bindings>{0}</bindings></site></sites></system.applicationHost></configuration>',
    "hsts": '<configuration><system.applicationHost><sites><site name="OTA" id="1">{0}</site></sites></system.applicationHost></configuration>',
    "action": '<configuration><system.webServer><rewrite><rules><rule name="r">{0}</rule></rules></rewrite></system.webServer></configuration>',
    "outbound rule": "<configuration><system.webServer><rewrite><outboundRules>{0}</outboundRules></rewrite></system.webServer></configuration>",
    "rule": "<configuration><system.webServer><rewrite><rules>{0}</rules></rewrite></system.webServer></configuration>",
    "rules": "<configuration><system.webServer><rewrite>{0}</rewrite></system.webServer></configuration>",
    "outboundRules": "<configuration><system.webServer><rewrite>{0}</rewrite></system.webServer></configuration>",
    "requestFiltering": "<configuration><system.webServer><security>{0}</security></system.webServer></configuration>",
    "clientCache": "<configuration><system.webServer><staticContent>{0}</staticContent></system.webServer></configuration>",
    "customHeaders": "<configuration><system.webServer><httpProtocol>{0}</httpProtocol></system.webServer></configuration>",
    "webLimits": "<configuration><system.applicationHost>{0}</system.applicationHost></configuration>",
    "applicationPools": "<configuration><system.applicationHost>{0}</system.applicationHost></configuration>",
}
"""Where a block's first element stands, by its name; any other is a section of system.webServer."""
OTHER = "<configuration><system.webServer>{0}</system.webServer></configuration>"
AT_SERVER = (
    "site",
    "siteDefaults",
    "sites",
    "bindings",
    "binding",
    "hsts",
    "webLimits",
    "applicationPools",
    "proxy",
    "handlers",
)
LOCKED = ("security", "proxy", "serverRuntime", "allowedServerVariables")
"""What a location tag on a page is in applicationHost.config for."""


def root_of(block: Block) -> str:
    name = block.text.split("<", 1)[1].split(">")[0].split()[0].rstrip("/")
    return "outbound rule" if name == "rule" and "serverVariable=" in block.text else name


def findings(block: Block, folder: Path) -> set[str]:
    """Return the rules that find an error or warning in a block, read where its first element belongs."""
    root = root_of(block)
    text = WRAPPED.get(root, OTHER).format(block.text)
    server = root in AT_SERVER or (root == "location" and any(word in text for word in LOCKED))
    path = folder / ("applicationHost.config" if server else "web.config")
    path.write_text(text)
    flags = frozenset({"rewrite"}) if block.rule == "OTA622" and block.verdict != "right" else frozenset[str]()
    configuration = Configuration.load(folder, path if server else None, without_modules=flags)
    facts = read_effective(configuration, folder, windows="2022", own_server=server)
    outcomes = evaluate(Facts(files=facts, server="iis"), "page", "l")
    return {one.rule.id for one in outcomes if one.status == "failed" and one.severity != "note"}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_of_a_rule_page_is_what_the_page_says(block: Block, tmp_path: Path) -> None:
    found = findings(block, tmp_path)
    if block.verdict == "right":
        assert found & SCHEMA == set()
    elif block.verdict == "refused":
        assert found & SCHEMA
    elif block.rule in checks_of("l"):
        assert block.rule in found


@pytest.mark.parametrize(
    "block",
    [one for one in BLOCKS if one.verdict == "right" and one.rule in checks_of("l")],
    ids=lambda block: block.name,
)
def test_the_rule_of_the_page_does_not_find_the_right_block(block: Block, tmp_path: Path) -> None:
    assert block.rule not in findings(block, tmp_path)


def test_the_pages_have_blocks_for_iis() -> None:
    assert len(BLOCKS) > 30
    assert {one.verdict for one in BLOCKS} == {"right", "wrong", "refused"}
