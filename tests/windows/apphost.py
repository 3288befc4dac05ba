"""Makes a machine's own applicationHost.config into the one of a conformance case, and reads IIS's log. No Windows is needed for that.

The cases write what goes over the defaults of IIS. Here a section that sites may set goes into a location tag of the site, where IIS
itself lays it over its defaults; a section that only the server may set goes into the server's own.
"""

from __future__ import annotations

import copy
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping

SITE = "Default Web Site"
_LOG = {
    "logFormat": "W3C",
    "logExtFileFlags": "Date, Time, Method, UriStem, UserAgent, HttpStatus, HttpSubStatus, Win32Status",
    "enabled": "true",
}


def merged(base: str, overlay: str, folder: str, logs: str, ports: Mapping[str, int] | None = None) -> str:
    """Return the text of the whole file: the site lies in `folder` and logs into `logs`; `ports` replaces those of its bindings."""
    root = ET.fromstring(base)  # noqa: S314 - the machine's own file
    over = ET.fromstring(overlay) if overlay else ET.Element("configuration")  # noqa: S314 - a case of ours
    name = next((site.get("name", SITE) for site in over.iter("site")), SITE)
    server_only = _server_only(root)
    for group in [child for child in over if child.tag != "location"]:
        for path, section in list(_sections(group, group.tag, _declared(root))):
            if path == "system.applicationHost/sites":
                _replace_site(root, section)
            elif path in server_only:
                _lay_over(_place(root, path), section)
            else:
                holder = _place(_location(root, name), path.rpartition("/")[0])
                holder.append(copy.deepcopy(section))
    root.extend(copy.deepcopy(one) for one in over.findall("location"))
    _prepare_site(root, folder, logs, ports)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode")


def bound_ports(config: str) -> dict[str, int]:
    """Return the port of the site's first binding for each scheme."""
    found: dict[str, int] = {}
    for binding in _site(ET.fromstring(config)).iter("binding"):  # noqa: S314 - made by `merged`
        found.setdefault(binding.get("protocol", ""), int(binding.get("bindingInformation", "").rsplit(":", 2)[1]))
    return found


def substatuses(log: str) -> dict[str, int]:
    """Read a W3C log: sc-substatus by user agent, with which the recorder marks its requests. The last line counts."""
    fields: list[str] = []
    found: dict[str, int] = {}
    for line in log.splitlines():
        if line.startswith("#Fields:"):
            fields = line.split()[1:]
        elif line and not line.startswith("#"):
            row = dict(zip(fields, line.split(" "), strict=False))
            if row.get("sc-substatus", "-").isdigit():
                found[row.get("cs(User-Agent)", "-")] = int(row["sc-substatus"])
    return found


def _declared(root: ET.Element) -> frozenset[str]:
    return frozenset(path for path, _ in _declarations(root))


def _server_only(root: ET.Element) -> frozenset[str]:
    return frozenset(path for path, one in _declarations(root) if one.get("allowDefinition") == "AppHostOnly")


def _declarations(root: ET.Element) -> Iterator[tuple[str, ET.Element]]:
    def under(holder: ET.Element, prefix: str) -> Iterator[tuple[str, ET.Element]]:
        for one in holder:
            path = f"{prefix}{one.get('name')}"
            if one.tag == "section":
                yield path, one
            else:
                yield from under(one, f"{path}/")

    declared = root.find("configSections")
    if declared is None:
        raise ValueError("the machine's applicationHost.config has no configSections")
    return under(declared, "")


def _sections(element: ET.Element, path: str, declared: frozenset[str]) -> Iterator[tuple[str, ET.Element]]:
    if path in declared:
        yield path, element
        return
    if not any(known.startswith(path + "/") for known in declared):
        raise ValueError(f"the machine knows no section {path}: is its module installed?")
    for child in element:
        yield from _sections(child, f"{path}/{child.tag}", declared)


def _place(holder: ET.Element, path: str) -> ET.Element:
    for step in path.split("/"):
        found = holder.find(step)
        holder = ET.SubElement(holder, step) if found is None else found
    return holder


def _location(root: ET.Element, name: str) -> ET.Element:
    for one in root.findall("location"):
        if one.get("path") == name:
            return one
    return ET.SubElement(root, "location", path=name)


def _lay_over(target: ET.Element, section: ET.Element) -> None:
    """Set the attributes; a child takes the place of the one with its name, entries of a collection come after those there are."""
    target.attrib |= section.attrib
    for child in section:
        if child.tag in ("add", "remove", "clear", "rule", "site") or target.find(child.tag) is None:
            target.append(copy.deepcopy(child))
        else:
            _lay_over(_place(target, child.tag), child)


def _site(root: ET.Element) -> ET.Element:
    """Return the machine's default site, or the first of a case that names its own."""
    every = list(root.iter("site"))
    if not every:
        raise ValueError("the applicationHost.config has no site")
    return next((one for one in every if one.get("name") == SITE), every[0])


def _replace_site(root: ET.Element, section: ET.Element) -> None:
    sites = _place(root, "system.applicationHost/sites")
    for old in sites.findall("site") if section.find("site") is not None else []:
        sites.remove(old)
    _lay_over(sites, section)


def _prepare_site(root: ET.Element, folder: str, logs: str, ports: Mapping[str, int] | None) -> None:
    site = _site(root)
    for directory in site.iter("virtualDirectory"):
        if directory.get("path") == "/":
            directory.set("physicalPath", folder)
    for old in site.findall("logFile"):
        site.remove(old)
    ET.SubElement(site, "logFile", {**_LOG, "directory": logs})
    for binding in site.iter("binding"):
        host, port, name = binding.get("bindingInformation", "").rsplit(":", 2)
        chosen = (ports or {}).get(binding.get("protocol", ""), port)
        binding.set("bindingInformation", f"{host}:{chosen}:{name}")
