#!/usr/bin/env bash
# Runs every test. As root on a Debian machine it first installs what is missing (the Docker engine, the image builder, nginx,
# Apache, Chromium, the shells that completions are tried in, readers of man pages),
# starts a Docker engine where none runs, builds the test images once (cached outside the tree), and stops what it started.
# Without root, or elsewhere, it says what is missing and the tests that need it skip with that reason.
#
#   tests/run.sh BIN [pytest flags]        BIN: the virtual environment's bin folder
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$1
shift
say() { printf '== %s\n' "$*"; }

started=""
stop() {
  if [ -n "$started" ]; then
    say "stopping the Docker engine that this run started"
    kill "$started" 2>/dev/null || true
    wait "$started" 2>/dev/null || true
  fi
}
trap stop EXIT

docker_answers() { "$bin/python" -c 'import docker; docker.from_env(timeout=5).ping()' >/dev/null 2>&1; }

install_packages() {
  local wanted=() pair
  for pair in dockerd:docker.io mmdebstrap:mmdebstrap nginx:nginx-light apache2:apache2 openssl:openssl \
    zsh:zsh fish:fish chromium:chromium groff:groff mandoc:mandoc man:man-db; do
    PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null || wanted+=("${pair##*:}")
  done
  [ ${#wanted[@]} -eq 0 ] && return
  say "installing Debian packages: ${wanted[*]}"
  # no server may start by itself: the tests bring their own configuration
  local guard=/usr/sbin/policy-rc.d made=""
  [ -e $guard ] || { printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard && made=yes; }
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${wanted[@]}" >/dev/null
  [ -n "$made" ] && rm -f $guard
  return 0
}

start_docker() {
  docker_answers && return
  say "starting a Docker engine"
  PATH="$PATH:/usr/sbin:/sbin" dockerd >"${TMPDIR:-/tmp}/ota-proxy-dockerd.log" 2>&1 &
  started=$!
  for _ in $(seq 60); do
    docker_answers && return
    kill -0 "$started" 2>/dev/null || break
    sleep 1
  done
  say "the Docker engine did not start; its last words:"
  tail -n 5 "${TMPDIR:-/tmp}/ota-proxy-dockerd.log"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  install_packages
  start_docker
else
  say "not root on Debian: nothing is installed; what is missing makes its tests skip"
fi
if docker_answers; then
  bash compose/build-images.sh
  bash compose/build-python-image.sh
else
  say "no Docker engine: container tests skip (or fail with --ota-docker=require)"
fi

say "ruff and mypy"
"$bin/ruff" check --quiet .
"$bin/ruff" format --check --quiet .
"$bin/mypy"
say "pytest"
# Twice as many workers as processors: most tests wait for servers and containers. Neighbours stay together, for they share servers.
export PYTEST_XDIST_AUTO_NUM_WORKERS="${PYTEST_XDIST_AUTO_NUM_WORKERS:-$(($(nproc 2>/dev/null || echo 1) * 2))}"
PATH="$PATH:/usr/sbin:/sbin" "$bin/pytest" -n auto --dist=worksteal "$@"
