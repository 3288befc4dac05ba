"""The part of IIS's configuration schema that setup.ps1 touches: attributes with type and default, collections with their keys.

Source: the configuration reference (MicrosoftDocs/iis-docs, configuration/...), one page a section; where a section may be set, from the
default applicationHost.config (overrideModeDefault, allowDefinition).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Attribute:
    """Type (`string`, `bool`, `uint`, `int64`, `enum`), default, the names of an enumeration with their numbers."""

    type: str = "string"
    default: str | bool | int = ""
    required: bool = False
    enum: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Collection:
    """Entries `add` (or another tag) with the attributes that make their key; `defaults` names the element with their defaults."""

    entry: Element
    keys: tuple[str, ...]
    tag: str = "add"
    removable: bool = True
    defaults: str = ""


@dataclass(frozen=True)
class Element:
    """Attributes, named children, and the default collection."""

    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    children: Mapping[str, Element] = field(default_factory=dict)
    collection: Collection | None = None


@dataclass(frozen=True)
class Section:
    """A section's element, and whether it may stand in a location tag at all."""

    element: Element
    apphost_only: bool = False


def _strings(*names: str) -> dict[str, Attribute]:
    return {name: Attribute() for name in names}


def _key(name: str) -> dict[str, Attribute]:
    return {name: Attribute(required=True)}


_HSTS = Element(
    {
        "enabled": Attribute("bool", False),
        "max-age": Attribute("uint", 0),
        "includeSubDomains": Attribute("bool", False),
        "preload": Attribute("bool", False),
        "redirectHttpToHttps": Attribute("bool", False),
    }
)
_LOG = Element({"logFormat": Attribute("enum", "W3C", enum={"IIS": 0, "NCSA": 1, "W3C": 2}), "directory": Attribute()})
_DIRECTORY = Element({**_key("path"), "physicalPath": Attribute(), "userName": Attribute(), "password": Attribute()})
_APPLICATION = Element(
    {**_key("path"), "applicationPool": Attribute(), "enabledProtocols": Attribute(default="http")},
    collection=Collection(
        _DIRECTORY, ("path",), "virtualDirectory", removable=False, defaults="virtualDirectoryDefaults"
    ),
)
_BINDING = Element(
    {
        **_key("protocol"),
        **_key("bindingInformation"),
        "sslFlags": Attribute("uint", 0),
        "certificateHash": Attribute(),
        "certificateStoreName": Attribute(),
    }
)
_SITE_CHILDREN = {
    "bindings": Element(collection=Collection(_BINDING, ("protocol", "bindingInformation"), "binding")),
    "logFile": _LOG,
}
_APPLICATIONS = Collection(_APPLICATION, ("path",), "application", removable=False, defaults="applicationDefaults")


def _site(*, native_hsts: bool) -> Element:
    children = _SITE_CHILDREN | ({"hsts": _HSTS} if native_hsts else {})
    own = {**_key("name"), "id": Attribute("uint", required=True), "serverAutoStart": Attribute("bool", True)}
    return Element(own, children, _APPLICATIONS)


def _sites(*, native_hsts: bool) -> Element:
    site = _site(native_hsts=native_hsts)
    defaults = Element(
        {"serverAutoStart": Attribute("bool", True)}, {k: v for k, v in site.children.items() if k != "bindings"}
    )
    children = {
        "siteDefaults": defaults,
        "applicationDefaults": Element(_strings("applicationPool", "enabledProtocols")),
        "virtualDirectoryDefaults": Element(_strings("physicalPath")),
    }
    return Element({}, children, Collection(site, ("name",), "site", removable=False, defaults="siteDefaults"))


_POOL = {
    "managedRuntimeVersion": Attribute(default=""),
    "queueLength": Attribute("uint", 1000),
    "autoStart": Attribute("bool", True),
    "managedPipelineMode": Attribute("enum", "Integrated", enum={"Integrated": 0, "Classic": 1}),
}
_POOLS = Element(
    {},
    {"applicationPoolDefaults": Element(_POOL)},
    Collection(Element(_key("name") | _POOL), ("name",), removable=True, defaults="applicationPoolDefaults"),
)
_STATUS = {"Permanent": 301, "Found": 302, "Temporary": 307, "PermRedirect": 308}
_REDIRECT = Element(
    {
        "enabled": Attribute("bool", False),
        "destination": Attribute(),
        "exactDestination": Attribute("bool", False),
        "childOnly": Attribute("bool", False),
        "httpResponseStatus": Attribute("enum", "Found", enum=_STATUS),
    },
    collection=Collection(Element(_key("wildcard") | _key("destination")), ("wildcard",)),
)
_CACHE = Element({"cacheControlMaxAge": Attribute(default="1.00:00:00"), "setEtag": Attribute("bool", True)})
_STATIC = Element(
    {"enableDocFooter": Attribute("bool", False)},
    {"clientCache": _CACHE},
    Collection(Element(_key("fileExtension") | _key("mimeType")), ("fileExtension",), "mimeMap"),
)
_NETWORK = Element(
    {
        **_key("ipAddress"),
        "subnetMask": Attribute(default="255.255.255.255"),
        "domainName": Attribute(),
        "allowed": Attribute("bool", False),
    }
)
_IP = Element(
    {"allowUnlisted": Attribute("bool", True), "enableReverseDns": Attribute("bool", False)},
    collection=Collection(_NETWORK, ("ipAddress", "subnetMask", "domainName")),
)
_PROXY = Element(
    {
        "enabled": Attribute("bool", False),
        "preserveHostHeader": Attribute("bool", False),
        "reverseRewriteHostInResponseHeaders": Attribute("bool", True),
        "timeout": Attribute(default="00:02:00"),
    }
)
_RULES = Element({"useOriginalURLEncoding": Attribute("bool", True)})
_RULES_20 = Element()
_RUNTIME = Element({"appConcurrentRequestLimit": Attribute("uint", 5000), "enabled": Attribute("bool", True)})
_LOGGING = Element({"dontLog": Attribute("bool", False), "selectiveLogging": Attribute(default="LogAll")})


def sections(*, native_hsts: bool, rewrite: str, arr: bool) -> dict[str, Section]:
    """Return the sections of a server; `rewrite` is the version of URL Rewrite, empty where it is not installed."""
    table = {
        "system.applicationHost/sites": Section(_sites(native_hsts=native_hsts), apphost_only=True),
        "system.applicationHost/applicationPools": Section(_POOLS, apphost_only=True),
        "system.webServer/globalModules": Section(
            Element(collection=Collection(Element(_key("name") | _strings("image")), ("name",))), apphost_only=True
        ),
        "system.webServer/httpRedirect": Section(_REDIRECT),
        "system.webServer/staticContent": Section(_STATIC),
        "system.webServer/security/ipSecurity": Section(_IP),
        "system.webServer/serverRuntime": Section(_RUNTIME),
        "system.webServer/httpLogging": Section(_LOGGING),
    }
    if rewrite:
        table["system.webServer/rewrite/rules"] = Section(_RULES if rewrite >= "2.1" else _RULES_20)
        table["system.webServer/rewrite/allowedServerVariables"] = Section(
            Element(collection=Collection(Element(_key("name")), ("name",)))
        )
    if arr:
        table["system.webServer/proxy"] = Section(_PROXY, apphost_only=True)
    return table
