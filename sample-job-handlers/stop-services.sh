#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# stop-services.sh USER SERVICE...: stops services.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

services_of "$@"
find_service_manager
# shellcheck disable=SC2086 # a list of words, checked by services_of
each_service stop $words
