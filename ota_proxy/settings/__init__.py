"""From flags, environment, file and defaults to one site, and where each value came from.

Precedence: flag > `OTA_PROXY_*` > `ota-proxy.toml` (or `[tool.ota-proxy]`), nearest upwards > default.
"""

from ota_proxy.settings.load import load
from ota_proxy.settings.options import Options
from ota_proxy.settings.sources import Loaded, Source

__all__ = ["Loaded", "Options", "Source", "load"]
