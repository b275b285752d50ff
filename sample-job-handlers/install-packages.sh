#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# install-packages.sh USER PACKAGE...: installs packages, without questions.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

words_of package "$@"
find_package_manager
# Nobody is there to answer. The variable, not an env command: a sudoers rule for apt-get alone goes on working.
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words, checked by words_of
case $manager in
    # Other users of dpkg (unattended-upgrades) are waited for; a changed configuration file is kept.
    apt-get)
        as_user apt-get -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef \
            -o Dpkg::Options::=--force-confold install -y $words
        ;;
    dnf | yum) as_user "$manager" install -y $words ;;
    apk) as_user apk add -U $words ;;
    opkg)
        # Its lists are kept in memory and gone after a reboot. One dead feed is no reason not to try.
        as_user opkg update || echo "opkg update failed; trying with the lists that are there"
        as_user opkg install $words
        ;;
esac
