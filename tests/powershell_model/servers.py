"""Windows Servers to start from: a bare one, and one where others have been at work. Written from the default applicationHost.config."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from tests.powershell_model.iis_config import Server
from tests.powershell_model.iis_schema import sections
from tests.powershell_model.machine import SCHANNEL, Machine

_MODULES = ("StaticFileModule", "RequestFilteringModule", "IpRestrictionModule", "HttpRedirectionModule")
_MORE = {"rewrite": "RewriteModule", "arr": "ApplicationRequestRouting"}
THUMBPRINT = "A1" * 20
OTHER_THUMBPRINT = "B2" * 20
MODULE = "C:\\ota\\OtaProxy.psm1"
PFX = "C:\\certs\\site.pfx"
SUITES = ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_3DES_EDE_CBC_SHA")
KNOWN = (
    *SUITES,
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
)


def machine(beside: Mapping[str, str], *, windows: str = "2022", rewrite: str = "2.1", arr: bool = True) -> Machine:
    """Return a server with the role, the rendered files in C:\\ota, a PFX file, and one certificate in the store."""
    names = [*_MODULES, *([_MORE["rewrite"]] if rewrite else []), *([_MORE["arr"]] if arr else [])]
    schema = sections(native_hsts=windows != "2016", rewrite=rewrite, arr=arr)
    return Machine(
        Server(_config(names, arr=arr), schema),
        files={f"C:\\ota\\{name}": text for name, text in beside.items()},
        certificates={OTHER_THUMBPRINT},
        pfx={PFX: THUMBPRINT},
        cipher_suites=list(SUITES),
        known_suites=set(KNOWN),
    )


def _config(modules: list[str], *, arr: bool) -> str:
    rows = "".join(f'<add name="{name}" image="{name}.dll" />' for name in modules)
    return f"""<configuration>
  <system.applicationHost>
    <applicationPools>
      <add name="DefaultAppPool" />
      <applicationPoolDefaults managedRuntimeVersion="v4.0" />
    </applicationPools>
    <sites>
      <site name="Default Web Site" id="1">
        <application path="/">
          <virtualDirectory path="/" physicalPath="%SystemDrive%\\inetpub\\wwwroot" />
        </application>
        <bindings><binding protocol="http" bindingInformation="*:80:" /></bindings>
      </site>
      <siteDefaults serverAutoStart="true"><logFile logFormat="W3C" directory="C:\\logs" /></siteDefaults>
      <applicationDefaults applicationPool="DefaultAppPool" />
      <virtualDirectoryDefaults />
    </sites>
  </system.applicationHost>
  <system.webServer>
    <globalModules>{rows}</globalModules>
    <httpRedirect />
    {"<proxy />" if arr else ""}
    <security><ipSecurity allowUnlisted="true" /></security>
    <staticContent><mimeMap fileExtension=".html" mimeType="text/html" /></staticContent>
  </system.webServer>
  <location path="Default Web Site">
    <system.webServer><httpLogging dontLog="true" /></system.webServer>
  </location>
</configuration>"""


_OURS = """
  <site name="ota.example.com" id="7" serverAutoStart="false">
    <application path="/" applicationPool="DefaultAppPool">
      <virtualDirectory path="/" physicalPath="C:\\old" />
    </application>
    <bindings>
      <binding protocol="https" bindingInformation="*:443:ota.example.com" sslFlags="1" />
      <binding protocol="https" bindingInformation="192.0.2.10:8443:ota.example.com" sslFlags="3" />
      <binding protocol="http" bindingInformation="*:80:old.example.com" />
    </bindings>
    {hsts}
  </site>"""
_HSTS = '<hsts enabled="true" max-age="300" />'
_LOCATION = """
  <location path="{path}" overrideMode="Allow">
    <system.webServer>
      <httpLogging selectiveLogging="LogError" />
      <httpRedirect enabled="false" destination="https://elsewhere.example/" httpResponseStatus="Temporary" />
      <security><ipSecurity allowUnlisted="true"><add ipAddress="10.0.0.0" subnetMask="255.0.0.0" allowed="false" /></ipSecurity></security>
    </system.webServer>
  </location>"""
_CHALLENGES = """
  <location path="{path}/.well-known/acme-challenge">
    <system.webServer><staticContent><remove fileExtension="." /><mimeMap fileExtension="." mimeType="application/jose" /></staticContent></system.webServer>
  </location>"""


def used(on: Machine) -> None:
    """Let others have been at work: a site and a pool of our name, its https binding, values of their own in most sections we touch."""
    root, name = on.server.root, "ota.example.com"
    native = "hsts" in on.server.schema["system.applicationHost/sites"].element.children["siteDefaults"].children
    _append(
        root,
        "system.applicationHost/applicationPools",
        f'<add name="{name}" managedRuntimeVersion="v4.0" queueLength="200" />',
    )
    _append(root, "system.applicationHost/sites", _OURS.format(hsts=_HSTS if native else ""))
    for shape in (_LOCATION, _CHALLENGES):
        for path in (name, f"{name} http"):
            _append(root, ".", shape.format(path=path))
    _append(root, "system.webServer/staticContent", '<mimeMap fileExtension="." mimeType="application/octet-stream" />')
    if (proxy := root.find("system.webServer/proxy")) is not None:
        proxy.attrib |= {"enabled": "true", "reverseRewriteHostInResponseHeaders": "true", "timeout": "00:05:00"}
    on.server.bound = {"ota.example.com:443": (OTHER_THUMBPRINT, "WebHosting")}
    on.make_folder("C:\\var\\www")
    on.registry[SCHANNEL + "\\TLS 1.0"] = {}
    on.registry[SCHANNEL + "\\TLS 1.0\\Server"] = {"Enabled": 1}


def _append(root: ET.Element, path: str, text: str) -> None:
    place = root if path == "." else root.find(path)
    if place is None:
        raise LookupError(path)
    place.append(ET.fromstring(text))  # noqa: S314 - our own text


def unordered(state: dict[str, Any]) -> dict[str, Any]:
    """Order the bindings of each site: one that was replaced comes back as the last, which means the same."""
    root = ET.fromstring(state["applicationHost.config"])  # noqa: S314 - our own text
    for bindings in root.iter("bindings"):
        bindings[:] = sorted(bindings, key=lambda one: sorted(one.items()))
    ET.indent(root)
    return state | {"applicationHost.config": ET.tostring(root, encoding="unicode")}
