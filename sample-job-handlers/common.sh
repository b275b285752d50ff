#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# What the sample handlers share. It is sourced by them and does nothing by itself; keep it beside them.
# Plain POSIX sh and the tools BusyBox has: no bash, no sudo, no pidof, no clock.
# Exit codes of the handlers: 0 done, 1 could not be done, 2 wrong arguments.

# No handler wants file name patterns, and a package called * must stay a word.
set -f

# Only failures write to stderr, so that "allowStdErr": 0 can hold for a success.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}
usage() {
    printf '%s: wrong arguments: %s\n' "${0##*/}" "$*" >&2
    exit 2
}

# With version "1.0" the user is $1. In the operation schema the arguments begin there, unless the document has put an
# empty user first, as one for the C++ client has: give every handler the same.
if [ "${AWS_IOT_JOB_SCHEMA:-}" = operation ] && [ -n "${1-none}" ]; then
    set -- "" "$@"
fi

case ${0##*/} in
    common.sh) usage "common.sh is no handler; name one of the scripts beside it" ;;
esac

have() {
    command -v "$1" >/dev/null 2>&1
}

# first_of COMMAND...: prints the first one that is installed; fails when none is.
first_of() {
    for candidate in "$@"; do
        if have "$candidate"; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    return 1
}

# --- the user -------------------------------------------------------------------------------------------------------

# become USER: decides how as_user runs its commands. Nobody or the present user: directly. Anybody else: sudo when it
# is installed, su when we are root, and otherwise not at all: never quietly as the wrong user.
become() {
    target_user=$1
    switch=none
    detach=
    case $target_user in
        '') return 0 ;;
        -* | *[[:space:]]*) usage "'$target_user' is no user name; give a login name, or '' for the agent's user" ;;
    esac
    # An agent whose uid has no passwd entry has no name to compare.
    if [ "$target_user" = "$(id -un 2>/dev/null)" ]; then return 0; fi
    id -u "$target_user" >/dev/null 2>&1 ||
        die "there is no user '$target_user' on this device; create it or name another in runAsUser"
    if have sudo; then
        switch=sudo
    elif [ "$(id -u)" = 0 ] && have su; then
        switch=su
    elif [ "$(id -u)" = 0 ]; then
        die "can't become user '$target_user': neither sudo nor su is installed; install one or leave runAsUser empty"
    else
        die "can't become user '$target_user' from uid $(id -u) without sudo;" \
            "install sudo with a NOPASSWD rule, run the agent as root, or leave runAsUser empty"
    fi
}

# as_user COMMAND ARG...: runs it as the user of become, arguments byte for byte.
as_user() {
    case $switch in
        none) $detach "$@" ;;
        sudo) $detach sudo -n -u "$target_user" -- "$@" ;;
        su)
            # As the "shell", the command gets its arguments as they are, in our process group: su -c would give it a
            # session of its own (util-linux), out of reach of the agent's kill.
            program=$(command -v "$1") || program=
            case $program in
                /*) ;;
                *) die "can't run '$1' as '$target_user': it is no file on PATH ($PATH)" ;;
            esac
            shift
            $detach su -s "$program" -- "$target_user" "$@"
            ;;
    esac
}

# detached COMMAND ARG...: starts as_user in the background (its pid is $!), where the command outlives this handler.
# The agent ends what is left of a job by its process group and by the job's name in the environment: the command has
# neither. Without setsid (OpenWrt) it stays in the group and ignores the polite signals.
detached() {
    (
        unset AWS_IOT_JOB_ID AWS_IOT_JOB_EXECUTION_NUMBER
        if have setsid; then detach=setsid; else trap '' HUP INT TERM; fi
        as_user "$@"
    ) </dev/null >/dev/null 2>&1 &
}

# --- words ----------------------------------------------------------------------------------------------------------

# words_of WHAT ARG...: splits the arguments at blanks (a managed template sends the whole list as one argument) and
# leaves the list in $words.
words_of() {
    what=$1
    shift
    all=$*
    words=
    for word in $all; do
        case $word in
            -* | *[*?[]*) usage "'$word' is no $what name: it starts with '-' or holds one of * ? [" ;;
        esac
        words="$words $word"
    done
    [ -n "$words" ] || usage "no $what was named; wanted: USER $what..."
}

# --- packages -------------------------------------------------------------------------------------------------------

# find_package_manager: leaves its name in $manager.
find_package_manager() {
    manager=$(first_of apt-get dnf yum apk opkg) ||
        die "no package manager found; wanted apt-get, dnf, yum, apk or opkg on PATH ($PATH)"
}

# installed_packages: prints every installed package, one name a line, and again with architecture and version as the
# package manager writes them. One listing instead of a question per package: a sudo that fails can't be mistaken for
# a package that is not there.
installed_packages() {
    tool=$(first_of apt-get dnf yum apk opkg rpm dpkg-query) ||
        die "no package database found; wanted dpkg-query, rpm, apk or opkg on PATH ($PATH)"
    case $tool in
        apt-get | dpkg-query)
            # A removed package whose configuration files remain is listed too, with another status than installed.
            field="\${db:Status-Status} \${Package}"
            listed=$(as_user dpkg-query -W -f "$field\n$field:\${Architecture}\n$field=\${Version}\n") || return 1
            printf '%s\n' "$listed" | sed -n 's/^installed //p'
            ;;
        dnf | yum | rpm)
            field='%{NAME}-%{VERSION}'
            as_user rpm -qa --qf "%{NAME}\n%{NAME}.%{ARCH}\n$field\n$field-%{RELEASE}\n$field-%{RELEASE}.%{ARCH}\n"
            ;;
        apk) as_user apk info ;;
        opkg)
            listed=$(as_user opkg list-installed) || return 1
            printf '%s\n' "$listed" | sed 's/ - .*//'
            ;;
    esac
}

# split_packages: sorts $words into $present and $absent.
split_packages() {
    installed=$(installed_packages) || die "the list of installed packages could not be read"
    present=
    absent=
    for package in $words; do
        if printf '%s\n' "$installed" | grep -Fqx -e "$package"; then
            present="$present $package"
        else
            absent="$absent $package"
        fi
    done
}

# --- services -------------------------------------------------------------------------------------------------------

init_d=${JOB_HANDLER_INIT_D:-/etc/init.d}
service_folders=${JOB_HANDLER_SERVICE_FOLDERS:-/run/service /etc/service /service /var/service}

# services_of ARG...: as words_of, for names that become part of a path.
services_of() {
    words_of service "$@"
    case $words in
        */*) usage "a service name holds no '/'; found:$words" ;;
    esac
}

# find_service_manager: leaves its name in $manager; a service that runit or s6 supervises has one of its own.
find_service_manager() {
    manager=$(first_of systemctl rc-service service) || manager=init.d
    if [ "$manager" = init.d ] && ! [ -d "$init_d" ] && ! have sv && ! have s6-svc; then
        die "no service manager found; wanted systemctl, rc-service, service, sv or s6-svc on PATH ($PATH), or $init_d"
    fi
}

# supervised SERVICE: prints its folder, if runit or s6 runs it.
supervised() {
    for folder in $service_folders; do
        if [ -d "$folder/$1/supervise" ]; then
            printf '%s\n' "$folder/$1"
            return 0
        fi
    done
    return 1
}

# init_script SERVICE: prints the path of its script; BusyBox init and Buildroot write S50NAME.
init_script() {
    script=$init_d/$1
    set +f
    for numbered in "$init_d"/S[0-9][0-9]"$1"; do
        if ! [ -e "$script" ] && [ -e "$numbered" ]; then script=$numbered; fi
    done
    set -f
    printf '%s\n' "$script"
}

# one_service RUN ACTION SERVICE, with RUN as_user or detached.
one_service() {
    if place=$(supervised "$3"); then
        if ! [ -d "$place/event" ]; then
            "$1" sv "$2" "$place"
            return
        fi
        case $2 in # s6 has letters: up, down, and a restart that also starts what is down
            start) "$1" s6-svc -u "$place" ;;
            stop) "$1" s6-svc -d "$place" ;;
            restart) "$1" s6-svc -ru "$place" ;;
        esac
        return
    fi
    case $manager in
        systemctl) "$1" systemctl "$2" "$3" ;;
        rc-service) "$1" rc-service "$3" "$2" ;;
        service)
            # Debian's knows no S50NAME.
            case $(init_script "$3") in
                */S[0-9][0-9]"$3") "$1" "$(init_script "$3")" "$2" ;;
                *) "$1" service "$3" "$2" ;;
            esac
            ;;
        init.d) "$1" "$(init_script "$3")" "$2" ;;
    esac
}

# each_service ACTION SERVICE...: one that fails doesn't keep the others from being served.
each_service() {
    action=$1
    shift
    failed=
    for service in "$@"; do
        one_service as_user "$action" "$service" || failed="$failed $service"
    done
    [ -z "$failed" ] || die "$manager could not $action:$failed"
}

# --- remembering across a restart -----------------------------------------------------------------------------------
# A handler that reboots the board, or restarts the agent, is ended by what it asks for, and is run again by the agent
# afterwards. It writes down beforehand for which job it asked, and the identity of what must change (the boot, the
# agent's process); a later run for the same job that finds another identity knows that it has happened.

# state_folder: prints the folder for such notes: the agent's own state folder, for it outlives a reboot on boards
# where /var/tmp and /run are in memory, and nobody but the agent's user can write there.
state_folder() {
    if [ -n "${AWS_IOT_JOB_STATE_DIR:-}" ]; then
        printf '%s\n' "$AWS_IOT_JOB_STATE_DIR"
    elif [ "$(id -u)" = 0 ]; then
        printf '%s\n' /var/lib/aws-iot-device-client
    else
        [ -n "${HOME:-}" ] || die "HOME is not set, so there is no state folder; set HOME or AWS_IOT_JOB_STATE_DIR"
        printf '%s\n' "$HOME/.aws-iot-device-client"
    fi
}

# open_note NAME: names the note's file $note and the job $job; makes the folder.
open_note() {
    folder=$(state_folder) || exit 1
    (umask 077 && mkdir -p "$folder") || die "can't make the state folder $folder"
    note=$folder/$1
    job="${AWS_IOT_JOB_ID:--} ${AWS_IOT_JOB_EXECUTION_NUMBER:--} ${AWS_IOT_JOB_STEP_NAME:--}"
}

# note_write IDENTITY: on disk, whole, when it returns.
note_write() {
    (umask 077 && printf '%s\n%s\n' "$job" "$1" >"$note.new" && mv -f "$note.new" "$note") ||
        die "can't write $note, so this job would be repeated for ever; make that folder writable"
    sync
}

# note_differs IDENTITY: true when this job left a note under another identity. Notes of other jobs are void.
note_differs() {
    [ -f "$note" ] || return 1
    {
        read -r noted_job || return 1
        read -r noted_identity || return 1
    } <"$note"
    [ "$noted_job" = "$job" ] && [ "$noted_identity" != "$1" ]
}

note_forget() {
    rm -f "$note"
}

# boot_id: prints the kernel's name for this boot. It needs no clock, which many boards don't have.
boot_id() {
    cat /proc/sys/kernel/random/boot_id ||
        die "can't read the boot id; mount /proc"
}
