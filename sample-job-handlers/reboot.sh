#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# reboot.sh USER: reboots the board; the run that follows, after the boot, reports the success.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

boot=$(boot_id)
open_note reboot.lock
# The agent's own word is enough, and where the agent gives none there is the note.
if [ "${AWS_IOT_JOB_REBOOTED:-}" = true ] || note_differs "$boot"; then
    note_forget
    echo "the board was rebooted"
    exit 0
fi

# A note that a reboot wipes out would make this job reboot the board for ever.
case $(stat -f -c %T "$folder" 2>/dev/null) in
    tmpfs | ramfs)
        die "$folder is in memory and would forget the reboot; put the agent's state folder on a disk"
        ;;
esac
note_write "$boot"
# Both streams to stdout: what a working reboot says is no error.
status=0
as_user reboot 2>&1 || status=$?
if [ "$status" -ne 0 ]; then
    note_forget
    die "reboot failed with exit status $status"
fi
# The command only asks for the reboot. Success is told by the next boot, so wait here to be ended.
limit=${JOB_HANDLER_REBOOT_WAIT:-300}
sleep "$limit"
note_forget
die "the reboot was asked for, but the board still runs after $limit s"
