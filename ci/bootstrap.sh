#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
# Brings what one target of the Makefile needs: Debian/Ubuntu packages (ci/needs.txt), and .venv with pinned Python packages.
# Usage: ci/bootstrap.sh TARGET
set -eu
cd "$(dirname "$0")/.."

say() { printf 'bootstrap: %s\n' "$*"; }
start=$(date +%s)
elapsed() { echo $(($(date +%s) - start)); }

target=${1:?a target of the Makefile}
case $target in
check | format | unit | parts | sim | docs | binary | binaries) list=check ;;
*) list=dev ;;
esac

packages=""
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
    packages="$packages python3"
fi
python3 -c 'import venv, ensurepip' >/dev/null 2>&1 || packages="$packages python3-venv"
while read -r program names targets; do
    case $program in '#'* | '') continue ;; esac
    case " $targets test " in *" $target "*) ;; *) continue ;; esac
    PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null 2>&1 || packages="$packages $(echo "$names" | tr , ' ')"
done <ci/needs.txt

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

# .venv/stamp says which list is installed. check.txt is a part of dev.txt, so the larger one serves for both, and is
# installed over the smaller one.
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
stamp() { echo "$(sha256sum <"requirements/$1.txt" | cut -c1-16)-$version"; }
have=$(cat .venv/stamp 2>/dev/null || true)
if [ "$have" != "$(stamp dev)" ] && [ "$have" != "$(stamp "$list")" ]; then
    say "installing requirements/$list.txt into .venv (about half a minute)"
    if [ "$have" != "$(stamp check)" ]; then
        rm -rf .venv
        python3 -m venv .venv
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "requirements/$list.txt" 2>&1 | grep -v '^WARNING: Location' || true
    modules="awscrt, orjson, pytest, mypy"
    [ "$list" = check ] || modules="$modules, ministack"
    .venv/bin/python -c "import $modules" || {
        say "pip could not install requirements/$list.txt, see above"
        exit 1
    }
    stamp "$list" >.venv/stamp
fi
[ "$(elapsed)" = 0 ] || say "ready ($(elapsed) s)"
