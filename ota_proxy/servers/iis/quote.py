r"""Quoting for the three grammars of an IIS rendering: XML, PowerShell and URL Rewrite; Windows paths; networks as IIS compares them.

An XML comment may hold no two hyphens in a row (XML 1.0 §2.5), but the header quotes a command full of them. Each further hyphen
of a pair is therefore written `\-`, which a POSIX shell reads as a plain hyphen: the command can still be copied as it stands.
A network is a pattern on the text of REMOTE_ADDR in a rule, and address plus mask in ipSecurity.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ota_proxy.errors import Key, UsageError
from ota_proxy.servers.templates import Quoted

_PS_QUOTES = re.compile(
    "(['\u2018\u2019\u201a\u201b])"
)  # all five end a single-quoted string (PowerShell language specification §2.3.5.2)
_REGEX = re.compile(r"([\\^$.*+?()\[\]{}|])")
_NTFS = '<>:"|?*'
_DEVICES = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])(?:\..*)?", re.IGNORECASE
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0 §2.2

_WIDE = 90  # columns of a list or table in one line; a wider one gets a line for each entry


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable that the head of a script sets to `value` and commands name as `$name`."""

    name: str
    value: PsValue


PsValue = str | int | bool | Setting | Sequence["PsValue"] | Mapping[str, "PsValue"]


class Ordered(dict[str, "PsValue"]):
    """A table that PowerShell keeps in its order, a line for each of its entries."""


def xml_attribute(text: str) -> Quoted:
    """Return `text` as a quoted attribute value in ASCII; UsageError for a character that XML 1.0 cannot hold."""
    if bad := _NOT_XML.search(text):
        raise UsageError(f"web.config cannot hold the character U+{ord(bad[0]):04X} of {text!a}")
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(char, entity)
    for char in "\t\n\r":
        text = text.replace(char, f"&#{ord(char)};")
    return Quoted('"' + text.encode("ascii", "xmlcharrefreplace").decode() + '"')


def xml_comment(line: str) -> Quoted:
    """Return a line of printable ASCII that may stand inside an XML comment; see the module's text for the hyphens."""
    return Quoted(_shell_hyphens(line) if line.startswith("Command: ") else re.sub("-(?=-)", r"-\\", line))


def _shell_hyphens(line: str) -> str:
    out, quote = "", ""
    for char in line:
        if char == "-" and out.endswith("-"):
            out += {"": "\\-", "'": "'\\-'", '"': '"\\-"'}[quote]
            continue
        if char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        out += char
    return out


def ps_string(text: str) -> Quoted:
    """Return a single-quoted PowerShell string; nothing is expanded in it, and each kind of quotation mark that ends it is doubled."""
    return Quoted("'" + _PS_QUOTES.sub(r"\1\1", text) + "'")


def ps_value(value: PsValue) -> Quoted:
    """Return a PowerShell literal for text, a number, a boolean, a list or a table, and the variable of a setting."""
    if isinstance(value, Quoted):
        return value
    if isinstance(value, Setting):
        return Quoted(f"${value.name}")
    if isinstance(value, str):
        return ps_string(value)
    if isinstance(value, bool):
        return Quoted("$true" if value else "$false")
    if isinstance(value, int):
        return Quoted(str(value))
    return _ps_table(value) if isinstance(value, Mapping) else _ps_list(value)


def _ps_table(table: Mapping[str, PsValue]) -> Quoted:
    rows = [f"{ps_string(key)} = {ps_value(item)}" for key, item in table.items()]
    if isinstance(table, Ordered) and len(rows) > 1:
        return Quoted("([ordered]@{\n" + "\n".join(rows) + "\n})")
    return Quoted(f"@{{ {'; '.join(rows)} }}" if rows else "@{}")


def _ps_list(items: Sequence[PsValue]) -> Quoted:
    texts = [ps_value(item) for item in items]
    line = ", ".join(texts)
    return Quoted(f"@({line})" if len(line) <= _WIDE else "@(\n" + "\n".join(texts) + "\n)")


class Call(Quoted):
    """One command; `command` and `arguments` (settings as their values) are what it was made of, for whoever carries it out without PowerShell."""

    command: str
    arguments: Mapping[str, PsValue]


def ps_call(command: str, **arguments: PsValue) -> Call:
    """Return one command: `Verb-Noun -Name 'value' ...`, every value a literal or a setting."""
    words = [f"-{name} {ps_value(value)}" for name, value in arguments.items()]
    made = Call(" ".join([command, *words]))
    made.command, made.arguments = command, {name: _meant(value) for name, value in arguments.items()}
    return made


def _meant(value: PsValue) -> PsValue:
    if isinstance(value, Setting):
        return value.value
    if isinstance(value, (str, int, Mapping)):
        return value
    return [_meant(item) for item in value]


def regex(text: str) -> str:
    """Return a URL Rewrite (ECMAScript) pattern that matches exactly `text`."""
    return _REGEX.sub(r"\\\1", text)


def encoded_regex(text: str) -> str:
    """Return a URL Rewrite pattern, read without regard to case, for a URL path as it is, and percent-encoded."""
    return "".join(_either(char) for char in text)


def _either(char: str) -> str:
    if char in "/._~-" or (char.isascii() and char.isalnum()):  # nobody encodes these (RFC 3986 section 2.3)
        return regex(char)
    return f"(?:{regex(char)}|{''.join(f'%{byte:02X}' for byte in char.encode())})"


def action_text(text: str, key: Key) -> str:
    """Return `text` for an action's url or value, where braces name variables and cannot be escaped; UsageError for braces."""
    if "{" in text or "}" in text:
        raise UsageError(
            f"'{text}' has a brace, which URL Rewrite reads as a variable and cannot quote",
            key=key,
            hint="choose a value without braces, or another server",
        )
    return text


def windows_path(text: str, key: Key) -> str:
    r"""Return `C:\x\y` for a Windows path and `%SystemDrive%\srv\ota` for `/srv/ota`.

    UsageError where IIS would expand the path (`%`), or NTFS cannot have such a name: a reserved character or device name,
    or a blank or dot at the end (Windows' documentation of file names).
    """
    posix = text.startswith("/")
    if posix and "\\" in text:
        raise _refused(text, key, "has a backslash, which separates folders on Windows")
    drive, rest = ("%SystemDrive%", text) if posix else (text[:2], text[2:])
    steps = [step for step in re.split(r"[\\/]", rest) if step]
    for step in steps:
        _check_name(step, text, key)
    return drive + "\\" + "\\".join(steps)


def _check_name(step: str, text: str, key: Key) -> None:
    if "%" in step:
        raise _refused(text, key, "has a '%', with which IIS begins an environment variable")
    if bad := next((char for char in step if char in _NTFS), None):
        raise _refused(text, key, f"has a '{bad}', which no Windows file name can have")
    if step[-1] in " .":
        raise _refused(text, key, "has a name that ends with a blank or a dot, which Windows drops")
    if _DEVICES.fullmatch(step):
        raise _refused(text, key, f"has the name '{step}', which Windows keeps for a device")


def _refused(text: str, key: Key, why: str) -> UsageError:
    return UsageError(
        f"IIS cannot use the path '{text}': it {why}", key=key, hint="rename it, or write the Windows path"
    )


_OCTET = "[0-9]{1,3}"


def address_pattern(networks: Sequence[str], key: Key) -> str:
    """Return one anchored pattern that matches the addresses of all networks as IIS writes them in REMOTE_ADDR.

    IIS has only text to compare. IPv4 networks become exact octet ranges; of IPv6 only single addresses can be written,
    in their canonical form (RFC 5952). UsageError, naming `key`, for anything else.
    """
    return "^(?:" + "|".join(_one(network, (*key, index)) for index, network in enumerate(networks)) + ")$"


def _one(text: str, key: Key) -> str:
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv4Network):
        return _ipv4(network)
    if network.prefixlen < 128 or int(network.network_address) >> 32 in (0, 0xFFFF):  # dotted tails have two spellings
        if network.network_address == ipaddress.IPv6Address("::1") and network.prefixlen == 128:
            return "::1"
        raise UsageError(
            f"IIS compares the address of a peer as text and cannot know the IPv6 network {text}",
            key=key,
            hint="name the single IPv6 addresses of the proxies, or their IPv4 networks",
        )
    return regex(str(network.network_address))


def _ipv4(network: ipaddress.IPv4Network) -> str:
    low, high = network.network_address.packed, network.broadcast_address.packed
    return r"\.".join(octet_range(first, last) for first, last in zip(low, high, strict=True))


def octet_range(first: int, last: int) -> str:
    """Return a pattern for the decimal numbers `first` to `last` of one octet, 0 to 255."""
    if (first, last) == (0, 255):
        return _OCTET  # REMOTE_ADDR is an address: a larger number cannot stand there
    tens = range(first // 10, last // 10 + 1)
    parts = [_in_ten(ten, max(first, ten * 10), min(last, ten * 10 + 9)) for ten in tens]
    return parts[0] if len(parts) == 1 else "(?:" + "|".join(parts) + ")"


def _in_ten(ten: int, low: int, high: int) -> str:
    head = str(ten) if ten else ""
    return head + (str(low % 10) if low == high else f"[{low % 10}-{high % 10}]")


def address_and_mask(text: str, key: Key) -> tuple[str, str]:
    """Return (address, mask) of an IPv4 network for ipSecurity; UsageError for IPv6, which its documentation does not cover."""
    network = ipaddress.ip_network(text)
    if isinstance(network, ipaddress.IPv6Network):
        raise UsageError(
            f"the access list of IIS is documented for IPv4 only and would not keep {text}",
            key=key,
            hint="filter IPv6 in the Windows firewall, or listen on IPv4 addresses only (listen.addresses)",
        )
    return str(network.network_address), str(network.netmask)
