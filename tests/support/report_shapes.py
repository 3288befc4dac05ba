"""What every report format must keep to, whatever is in the report."""

from __future__ import annotations

from xml.etree import ElementTree as ET

_CASE = {"failure", "error", "skipped", "system-out"}


def check_shape(top: ET.Element) -> None:
    """Hold a document against what the xsd files of Jenkins, Ant and GitLab have in common; written by hand, there is no one schema."""
    assert top.tag == "testsuites"
    for suite in top:
        assert suite.tag == "testsuite"
        cases = suite.findall("testcase")
        assert [element.tag for element in suite] in (
            ["testcase"] * len(cases),
            ["properties", *["testcase"] * len(cases)],
        )
        assert suite.attrib["tests"] == str(len(cases))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert suite.attrib[attribute] == str(sum(case.find(tag) is not None for case in cases))
        for case in cases:
            assert case.tag == "testcase"
            assert {"classname", "name", "time"} <= set(case.attrib)
            tags = [element.tag for element in case]
            assert set(tags) <= _CASE
            assert len(tags) == len(set(tags)), "one result a case"
            assert tags == sorted(tags, key=lambda tag: tag == "system-out"), "output comes last"
            assert all("message" in element.attrib for element in case if element.tag != "system-out")
