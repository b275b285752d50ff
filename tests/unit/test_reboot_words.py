# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Which commands take the board down: however a person writes it, and nothing that only names it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.jobs.core.document import Action
from dc.jobs.core.outcome import asks_for_reboot
from dc.jobs.core.script import commands
from tests.fakes.examples import examples

PLAIN = """
reboot
/sbin/reboot
/usr/sbin/reboot,-f
poweroff
/sbin/poweroff,-f
halt,-p
halt,-h
reboot,-d,10
reboot,recovery
shutdown,-r,now
shutdown,-h,+1
shutdown,now
shutdown,-P,0
shutdown,-t,5,-r,now
shutdown,--no-wall,-r,now
openrc-shutdown,-r,now
systemctl,reboot
systemctl,poweroff
systemctl,halt
systemctl,kexec
systemctl,soft-reboot
systemctl,-i,reboot
systemctl,--force,--force,reboot
systemctl,reboot,--firmware-setup
systemctl,--no-wall,poweroff
systemctl,--no-block,start,reboot.target
systemctl,start,--no-block,reboot.target
systemctl,start,poweroff.target
systemctl,isolate,reboot.target
systemctl,isolate,reboot
systemctl,isolate,runlevel6.target
systemctl,--job-mode,replace-irreversibly,start,reboot.target
systemctl,start,systemd-reboot.service
systemctl,start,ctrl-alt-del.target
systemctl,-q,isolate,kexec.target
loginctl,reboot
init,6
init,0
/sbin/init,6
telinit,0
telinit,-t,5,6
kexec,-e
kexec,--exec
""".strip().splitlines()

WRAPPED = """
sudo
sudo,-n
sudo,-u,root
sudo,-uroot
sudo,-n,-u,root,--
sudo,--user,root
sudo,--user=root
sudo,-nu,root
sudo,-E,-g,adm,-p,x
sudo,LANG=C
sudo,-H,A=b,C=d
/usr/bin/sudo
doas
doas,-n,-u,root
pkexec
pkexec,--user,root
run0
busybox
/bin/busybox
env
env,-i
env,A=b
env,-u,LD_PRELOAD,-i,--,PATH=/sbin
nohup
nice
nice,-n,5
nice,-n5
nice,-10
nice,--adjustment=5
ionice,-c,3
ionice,-c3,-n,7
ionice,-t,-c,2
timeout,30
timeout,-k,5,30
timeout,-s,KILL,--foreground,30
timeout,--signal=TERM,30s
setsid
setsid,-f
setsid,-w
exec
exec,-a,name
command
time,-p
chrt,-f,10
taskset,0x1
stdbuf,-o0
stdbuf,-o,L
systemd-run,--no-block
systemd-run,-u,down,--on-active,5
nsenter,-t,1,-m,--
chroot,/host
flock,/run/x
sudo,-n,env,-i,nice,-n,5,timeout,30
""".strip().splitlines()

SCRIPTS = [
    "{}",
    "  {}  ",
    "sync; {}",
    "sync;{};",
    "sync && {}",
    "sync\n{}\n",
    "echo 'going down; bye' ; {}",
    "sleep 5; {}",
    "(sleep 5; {}) &",
    "(sleep 10 && {}) >/dev/null 2>&1 &",
    "{{ sync; {}; }}",
    "sleep 3 && {} &",
    "{} & sleep 60",
    "{}; sleep 300",
    "{}; exit 0",
    "{} || exit 1",
    "{} || {}",
    "{} || true",
    "{} >/dev/null 2>&1",
    "{} 2>/dev/null",
    "{} &>/dev/null",
    "A=b {}",
    "exec {}",
    "sudo -n {}",
    "nohup {} >/dev/null 2>&1 &",
    "echo a # no; echo b\n{}",
    "{} # at last",
    "echo a \\\n b; {}",
    "eval '{}'",
]

SHELLS = [
    "sh,-c",
    "/bin/sh,-c",
    "bash,-lc",
    "bash,-e,-x,-c",
    "bash,-o,pipefail,-c",
    "busybox,sh,-c",
    "sudo,-n,sh,-c",
    "sudo,-i,-u,root,bash,-c",
    "env,A=b,ash,-ec",
    "setsid,sh,-c",
    "su,-c",
    "su,root,-c",
    "su,-,-c",
    "su,-s,/bin/sh,-c",
    "runuser,-l,root,-c",
    "flock,/run/x,-c",
    "sh,-c,--",
]

NOT = """
echo,reboot
man,reboot
man,8,reboot
which,reboot
type,reboot
command,-v,reboot
whatis,reboot
ls,/sbin/reboot
cat,/sbin/reboot
test,-x,/sbin/reboot
my-reboot
reboot.sh
reboot-required
printf,reboot
grep,reboot,/var/log/syslog
pgrep,reboot
last,reboot
journalctl,-u,reboot.target
ssh,other,reboot
docker,exec,box,reboot
apt-get,install,reboot
reboot,--help
reboot,--version
reboot,-w
halt,--wtmp-only
poweroff,--help
shutdown,-c
shutdown,-k,now
shutdown,-kr,now
shutdown,--help
shutdown,--show
sudo,shutdown,-c
systemctl
systemctl,status,reboot
systemctl,status,reboot.target
systemctl,is-active,reboot.target
systemctl,cat,systemd-reboot.service
systemctl,show,reboot.target
systemctl,list-dependencies,reboot.target
systemctl,enable,ctrl-alt-del.target
systemctl,mask,reboot.target
systemctl,restart,reboot.service
systemctl,start,reboot
systemctl,start,my-reboot.service
systemctl,help,reboot
systemctl,--help
systemctl,-h,reboot
systemctl,--version,reboot
systemctl,-H,other,reboot
systemctl,--host=other,reboot
systemctl,--host,other,reboot
systemctl,-M,box,reboot
systemctl,--machine=box,reboot
systemctl,--when=cancel,reboot
systemctl,reboot,--when=show
systemctl,--dry-run,reboot
systemctl,daemon-reload
systemctl,isolate,multi-user.target
init,3
init,q
init
telinit,3
kexec,-l,/boot/vmlinuz
kexec,-p,/boot/vmlinuz
sudo
sudo,-l,reboot
sudo,-e,/etc/reboot
sudo,-v
sudo,--list,reboot
sudo,-u,reboot,id
sudo,-u,reboot
doas,-C,/etc/doas.conf,reboot
env,reboot=1
env,-u,reboot,id
nice
nice,-n,reboot,id
timeout,reboot,id
timeout,5
ionice,-p,reboot
busybox,--list
busybox
sh,reboot
sh,do.sh,-c,reboot
bash,-e,do.sh,-c,reboot
sh
sh,-c
bash,-c,--
python3,-c,reboot
""".strip().splitlines()

NOT_SCRIPTS = [
    "echo reboot",
    "echo 'sync; reboot'",
    'echo "; reboot"',
    "reboot; do-more",
    "# reboot",
    "echo a # ; reboot",
    "which reboot",
    "if [ -e /run/reboot-required ]; then reboot; fi",
    "[ -e /run/x ] || reboot",
    "test -e /run/reboot-required && reboot || true",
    "shutdown -c",
    "systemctl status reboot",
    "while true; do reboot; done",
    "grep reboot <<< x",
    "cat >reboot",
    "echo b >/tmp/sysrq-trigger",
    "echo h >/proc/sysrq-trigger",
    "reboot --help",
    "command -v reboot",
    "",
    ";;;",
    "'",
]


def asks(*words: str) -> bool:
    return asks_for_reboot(Action("n", "runCommand", words))


@pytest.mark.parametrize("line", PLAIN)
def test_a_command_takes_the_board_down(line: str) -> None:
    assert asks(*line.split(","))


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_whatever_starts_it_and_with_which_options(wrapper: str) -> None:
    for line in PLAIN:
        assert asks(*wrapper.split(","), *line.split(",")), line
    assert not asks(*wrapper.split(","), "echo", "reboot")
    assert not asks(*wrapper.split(","), "systemctl", "status", "reboot")
    assert not asks(*wrapper.split(","), "shutdown", "-c")


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_whose_script_ends_in_it(script: str) -> None:
    for line in PLAIN:
        text = script.replace("{}", line.replace(",", " ")).replace("{{", "{").replace("}}", "}")
        for shell in SHELLS:
            assert asks(*shell.split(","), text), (shell, text)


def test_the_kernel_asked_directly() -> None:
    assert asks("sh", "-c", "sync; echo b > /proc/sysrq-trigger")
    assert asks("sh", "-c", "echo o >/proc/sysrq-trigger")


@pytest.mark.parametrize("line", NOT)
def test_what_only_asks_names_or_cancels_is_none(line: str) -> None:
    assert not asks(*line.split(","))


@pytest.mark.parametrize("script", NOT_SCRIPTS)
def test_a_script_that_goes_on_or_only_names_it_is_none(script: str) -> None:
    assert not asks("sh", "-c", script)


@pytest.mark.parametrize("wrapper", ["sudo", "env", "sh,-c,eval"])
def test_endless_wrapping_ends(wrapper: str) -> None:
    assert not asks(*wrapper.split(",") * 5000, "reboot")


@examples(1500)
@given(st.text(alphabet="ab;&|()<>\"'\\\n #=1{}!", max_size=40))
def test_any_script_is_read_to_its_end(script: str) -> None:
    for command in commands(script):
        assert command.words and all(isinstance(word, str) for word in command.words)
