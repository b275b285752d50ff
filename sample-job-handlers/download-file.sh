#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# download-file.sh USER URL TARGET: fetches URL into the file TARGET, or into the folder TARGET under the name at the
# end of the path of the URL. TARGET never holds half a file: what is fetched goes to TARGET.part first.

set -eu
here=${0%/*}
[ -f "$here/common.sh" ] || here=${AWS_IOT_JOB_HANDLER_DIR:-$here}
. "$here/common.sh"

become "${1-}"
[ $# -eq 0 ] || shift

[ $# -eq 2 ] || usage "found $# after the user, wanted 2: USER URL TARGET"
url=$1
target=$2
case $url in
    http://?* | https://?* | ftp://?*) ;;
    *) usage "the URL starts with none of http://, https:// and ftp://" ;;
esac
case $target in
    '') usage "TARGET is empty; wanted a file or a folder" ;;
    -*) target=./$target ;;
esac

# The query of a presigned URL is a secret and no part of a name: messages and names are made without it.
shown=${url%%[?#]*}
case $target in */) folder=yes ;; *) folder=no ;; esac
if [ "$folder" = yes ] || [ -d "$target" ]; then
    case ${shown#*://} in
        */*) name=${shown##*/} ;;
        *) name= ;;
    esac
    case $name in
        '' | . | ..) usage "$shown ends in no file name; give a file instead of the folder $target" ;;
    esac
    target=${target%/}/$name
fi

# Something that is there and no plain file (a device, a pipe, a link) is written to, not replaced.
part=$target
if ! [ -e "$target" ] && ! [ -L "$target" ]; then
    part=$target.part
    as_user rm -f "$part"
elif [ -f "$target" ] && ! [ -L "$target" ]; then
    # Starting from a copy keeps the mode and the owner of the file that is replaced.
    part=$target.part
    as_user rm -f "$part"
    as_user cp -p "$target" "$part" || die "can't write $part"
fi

# curl first: BusyBox wget fetches https without looking at the server's certificate.
tool=$(first_of curl wget) || die "neither curl nor wget found on PATH ($PATH); install one"
status=0
case $tool in
    # Without globoff and path-as-is curl would read [] {} and .. in the URL in its own way.
    curl) as_user curl --fail --silent --show-error --location --globoff --path-as-is -o "$part" --url "$url" ;;
    wget) as_user wget -q -O "$part" "$url" ;;
esac || status=$?
if [ "$status" -ne 0 ]; then
    [ "$part" = "$target" ] || as_user rm -f "$part"
    die "$tool could not fetch $shown to $target: exit status $status"
fi
[ "$part" = "$target" ] || as_user mv -f "$part" "$target" || die "can't move $part to $target"
