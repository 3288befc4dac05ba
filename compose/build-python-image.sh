#!/bin/sh
# Builds ota-proxy/python-trixie, Python 3.13 of Debian packages, where no registry answers: a base for examples/docker/Dockerfile and for tests.
# Usage: compose/build-python-image.sh
# Needs: docker, mmdebstrap, root. An image that exists is left alone; a change to this file builds anew.
set -eu

image="ota-proxy/python-trixie:$(sha256sum "$0" | cut -c1-12)"
docker image inspect "$image" >/dev/null 2>&1 && exit 0
cache="${XDG_CACHE_HOME:-$HOME/.cache}/ota-proxy/images"
tar="$cache/$(basename "${image%:*}")-${image#*:}.tar"
mkdir -p "$cache"
echo "build-python-image: $image" >&2
if [ ! -f "$tar" ]; then
    mmdebstrap --quiet --format=tar --variant=apt --include=python3,python3-venv,ca-certificates,passwd \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*' \
        trixie "$tar.part"
    mv "$tar.part" "$tar"
fi
docker import --message "Python of Debian trixie for ota-proxy" "$tar" "$image" >/dev/null
