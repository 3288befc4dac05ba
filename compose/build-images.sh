#!/bin/sh
# Builds the images ota-proxy starts where no registry answers: Debian packages, one image a suite, nginx and Apache in each.
# Usage: compose/build-images.sh [SUITE…]    (default: bullseye bookworm trixie forky)
# Needs: docker, mmdebstrap, root. An image that exists is left alone; a change to this file builds anew.
set -eu

packages=nginx,apache2,javascript-common,openssl,ca-certificates,iproute2,nftables
modules="access_compat alias allowmethods auth_basic authn_core authz_core authz_host authz_user brotli deflate dir env expires
 filter headers http2 info mime negotiation proxy proxy_http remoteip reqtimeout rewrite setenvif socache_shmcb ssl status"

say() { echo "build-images: $*" >&2; }
need() {
    command -v "$1" >/dev/null || { say "$1 is missing: $2"; exit 3; }
}

more() { # SUITE: compressors of nginx, installed and not loaded, where the suite has them
    case $1 in
        bullseye) ;;
        forky) echo ,libnginx-mod-http-brotli-filter,libnginx-mod-http-zstd-filter ;;
        *) echo ,libnginx-mod-http-brotli-filter ;;
    esac
}

build_tar() { # SUITE FILE
    # bullseye and forky have Release files past their date; packages stay verified by signature.
    mmdebstrap --quiet --format=tar --variant=apt --include="$packages$(more "$1")" \
        --aptopt='Acquire::Check-Valid-Until "false"' \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/usr/share/info/*' \
        --customize-hook='chroot "$1" a2dissite -q 000-default >&2' \
        --customize-hook="chroot \"\$1\" a2enmod -q mpm_event $(echo $modules)" \
        --customize-hook='chroot "$1" a2disconf -q javascript-common >&2' \
        --customize-hook='rm -f "$1/etc/nginx/sites-enabled/default" "$1"/etc/nginx/modules-enabled/*brotli* "$1"/etc/nginx/modules-enabled/*zstd*' \
        --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/apt "$1"/var/log/dpkg.log' \
        "$1" "$2.part"
    mv "$2.part" "$2"
}

build() { # SUITE
    image="ota-proxy/debian-$1:$revision"
    tar="$cache/debian-$1-$revision.tar"
    if docker image inspect "$image" >/dev/null 2>&1; then
        say "$image is there already"
        return
    fi
    begin=$(date +%s)
    if [ -f "$tar" ]; then
        say "$image: from $tar"
    else
        say "$image: installing packages of $1"
        build_tar "$1" "$tar"
    fi
    packed=$(date +%s)
    docker import --message "nginx and Apache of Debian $1 for ota-proxy" "$tar" "$image" >/dev/null
    end=$(date +%s)
    say "$image: packages $((packed - begin)) s, import $((end - packed)) s, $(($(wc -c <"$tar") / 1048576)) MiB"
}

need docker "install it, for example with apt install docker.io"
docker version >/dev/null 2>&1 || { say "the Docker daemon does not answer: start it, or ask for access to its socket"; exit 3; }
need mmdebstrap "install it with apt install mmdebstrap"
revision=$(sha256sum "$0" | cut -c1-12)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/ota-proxy/images"
mkdir -p "$cache"
[ $# -gt 0 ] || set -- bullseye bookworm trixie forky
for suite; do build "$suite"; done
