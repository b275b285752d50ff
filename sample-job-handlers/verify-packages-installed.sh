#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# verify-packages-installed.sh USER PACKAGE...: succeeds when every package is installed.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

words_of package "$@"
split_packages
[ -z "$absent" ] || die "not installed:$absent"
echo "installed:$present"
