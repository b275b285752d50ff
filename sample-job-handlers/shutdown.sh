#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# shutdown.sh USER: powers the board off one minute from now, which leaves time to report this job.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

tool=$(first_of shutdown poweroff) || die "neither shutdown nor poweroff found on PATH ($PATH)"
# Detached, for both may count down in the foreground (sysvinit, BusyBox), and the job is to be over before the power.
case $tool in
    shutdown) detached shutdown -h +1 ;;
    poweroff) detached poweroff -d 60 ;;
esac
# A refusal comes at once; what still runs after some seconds is counting down.
tries=0
while [ "$tries" -lt "${JOB_HANDLER_SHUTDOWN_TRIES:-5}" ] && kill -0 "$!" 2>/dev/null; do
    sleep 1
    tries=$((tries + 1))
done
if ! kill -0 "$!" 2>/dev/null; then
    status=0
    wait "$!" || status=$?
    [ "$status" -eq 0 ] || die "$tool refused with exit status $status"
fi
echo "power off in one minute"
