"""Lets `python -m ota_proxy` do what the `ota-proxy` command does."""

from ota_proxy.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
