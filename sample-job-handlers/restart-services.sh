#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# restart-services.sh USER SERVICE...: restarts services. The agent itself may be among them: it is restarted last, and
# the run that follows, under the new agent, reports the success.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

services_of "$@"
find_service_manager
agent=
others=
for service in $words; do
    case $service in
        aws-iot-device-client | aws-iot-device-client.service) agent=$service ;;
        *) others="$others $service" ;;
    esac
done

# agent_identity: prints what no two agents share: boot, pid and start time. The agent is our parent, so that no pidof
# is needed; the start time is field 22 of the line, and the name in field 2 may hold blanks and brackets.
agent_identity() {
    read -r line <"/proc/$PPID/stat" || die "can't read /proc/$PPID/stat; mount /proc"
    # shellcheck disable=SC2086 # the fields of the line
    set -- ${line##*) }
    boot=$(boot_id) || exit 1
    printf '%s %s %s\n' "$boot" "$PPID" "${20}"
}

if [ -n "$agent" ]; then
    identity=$(agent_identity)
    open_note restart-services.lock
    if note_differs "$identity"; then
        note_forget
        echo "the agent was restarted"
        exit 0
    fi
fi

# shellcheck disable=SC2086 # a list of words, checked by services_of
each_service restart $others

if [ -n "$agent" ]; then
    note_write "$identity"
    status=0
    if [ "$manager" = systemctl ]; then
        # systemd does the work itself; waiting for it would end in being stopped with the agent.
        as_user systemctl --no-block restart "$agent" || status=$?
    else
        # Stopping the agent ends this handler, and must not end the command before that has started the new agent.
        one_service detached restart "$agent"
        wait "$!" || status=$?
    fi
    if [ "$status" -ne 0 ]; then
        note_forget
        die "$manager could not restart $agent: exit status $status"
    fi
    # Success is told by the next agent, so wait here to be ended.
    limit=${JOB_HANDLER_RESTART_WAIT:-120}
    sleep "$limit"
    note_forget
    die "$manager was asked to restart $agent, but the same agent still runs after $limit s"
fi
