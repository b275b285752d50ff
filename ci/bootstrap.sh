#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# Brings what demo and tests need: Debian/Ubuntu packages, and a virtual environment with the pinned Python packages.
# Usage: ci/bootstrap.sh demo|test [PACKAGE ...]   (further Debian packages, as toolchains/ needs them)
set -eu
cd "$(dirname "$0")/.."

say() { printf 'bootstrap: %s\n' "$*"; }
start=$(date +%s)
elapsed() { echo $(($(date +%s) - start)); }

what=${1:?demo or test}
shift
packages="$*"
need() { # need COMMAND PACKAGE: the package is wanted where the command is missing
    PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    packages="$packages python3"
fi
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || packages="$packages python3-venv"
if [ "$what" = test ]; then
    need mosquitto mosquitto
    need busybox busybox-static
    need ip iproute2
    need iptables iptables
    need ps procps
    need openssl openssl
    need strace strace
    need dnsmasq dnsmasq-base
    need curl curl
    need wget wget
    need git git
    need gcc "gcc libc6-dev"
    need qemu-arm-static qemu-user-static
fi

missing=""
for package in $packages; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing Debian packages:$missing"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086  # a list of words
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing; } >/tmp/aws-iot-device-client-apt.log 2>&1 || {
            cat /tmp/aws-iot-device-client-apt.log
            say "apt-get failed, see above"
            exit 1
        }
        say "Debian packages are there ($(elapsed) s)"
    else
        say "these packages are missing and only root can install them; run:"
        say "    sudo apt-get install$missing"
        exit 1
    fi
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    say "python3 is $(python3 --version 2>&1), but 3.11 or newer is needed (Debian 12, Ubuntu 24.04 or newer have it)"
    exit 1
}

stamp=$(sha256sum <requirements/dev.txt | cut -c1-16)-$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$(cat .venv/stamp 2>/dev/null)" != "$stamp" ]; then
    say "making .venv with the pinned Python packages (about half a minute)"
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt 2>&1 | grep -v '^WARNING: Location' || true
    .venv/bin/python -c 'import awscrt, orjson, ministack, pytest' || {
        say "pip could not install requirements/dev.txt, see above"
        exit 1
    }
    echo "$stamp" >.venv/stamp
fi
say "ready ($(elapsed) s)"
