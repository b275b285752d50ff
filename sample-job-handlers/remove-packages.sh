#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# remove-packages.sh USER PACKAGE...: removes packages, without questions; with apt-get their configuration too.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

words_of package "$@"
find_package_manager
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # a list of words, checked by words_of
case $manager in
    apt-get) as_user apt-get -o DPkg::Lock::Timeout=120 remove -y --purge $words ;;
    dnf | yum) as_user "$manager" remove -y $words ;;
    apk) as_user apk del $words ;;
    opkg) as_user opkg remove $words ;;
esac
