#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# verify-packages-removed.sh USER PACKAGE...: succeeds when none of the packages is installed.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

words_of package "$@"
split_packages
[ -z "$present" ] || die "still installed:$present"
echo "not installed:$absent"
