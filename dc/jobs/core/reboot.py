# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a command takes the board down, in whatever way a person writes it. Pure.

The programs that start another one are peeled off with their options; of a shell's script the last command counts.
What only asks, names, cancels or prepares a reboot does not, nor does one of another machine or a container.
"""

from __future__ import annotations

from dc.jobs.core.script import Command, commands

# What starts another program: its options with a value (one letter each), those after which nothing is run, and how many
# words stand before the program.
_STARTERS = {
    "sudo": ("aCcDghpRrtTUu", "elvVK", 0),
    "doas": ("uaC", "LC", 0),
    "dzdo": ("Cghpu", "elvVK", 0),
    "pkexec": ("", "", 0),
    "run0": ("gDu", "", 0),
    "busybox": ("", "", 0),
    "toybox": ("", "", 0),
    "env": ("uC", "", 0),
    "exec": ("a", "", 0),
    "command": ("", "vV", 0),
    "builtin": ("", "", 0),
    "time": ("fo", "V", 0),
    "nohup": ("", "", 0),
    "nice": ("n", "", 0),
    "ionice": ("cn", "pPu", 0),
    "chrt": ("TPD", "pm", 1),
    "taskset": ("", "p", 1),
    "timeout": ("ks", "", 1),
    "setsid": ("", "V", 0),
    "stdbuf": ("ioe", "", 0),
    "chroot": ("", "", 1),
    "unshare": ("SGRw", "V", 0),
    "nsenter": ("tSGNW", "V", 0),
    "setpriv": ("", "d", 0),
    "systemd-run": ("pEuHM", "HM", 0),
    "systemd-inhibit": ("", "", 0),
    "flock": ("wE", "", 1),
    "runuser": ("ugGsw", "", 0),
    "catchsegv": ("", "", 0),
    "chronic": ("", "", 0),
    "linux32": ("", "", 0),
    "linux64": ("", "", 0),
}
# fmt: off
_LONG_WITH_VALUE = frozenset((
    "adjustment", "argv0", "auth-type", "boot-loader-entry", "boot-loader-menu", "chdir", "check-inhibitors",
    "chroot", "class", "classdata", "close-from", "command-timeout", "description", "error", "gid", "group",
    "groups", "host", "image", "input", "job-mode", "kill-after", "kill-who", "kill-whom", "lines", "login-class",
    "machine", "message", "mode", "on-active", "on-boot", "on-calendar", "other-user", "output", "prompt",
    "property", "reboot-argument", "regid", "reuid", "role", "root", "sched-deadline", "sched-period", "sched-runtime",
    "setenv", "shell", "signal", "slice", "state", "supp-group", "target", "timeout", "type", "uid",
    "unit", "unset", "user", "userspec", "wait", "what", "when", "who", "why",
))
_ONLY_ASKS = frozenset((
    "cancel", "dry-run", "edit", "help", "image", "list", "machine", "pid", "remove-timestamp", "root", "show",
    "validate", "version", "wtmp-only",
))
# fmt: on
_ASSIGNING = ("env", "sudo", "dzdo")  # they take NAME=VALUE words before the program
_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "hush")
_WITH_SCRIPT = ("su", "runuser", "flock")  # they take -c SCRIPT behind other words, too
_DOWN = ("reboot", "poweroff", "halt")
_VERBS = (*_DOWN, "kexec", "soft-reboot", "exit")
_TARGETS = ("reboot", "poweroff", "halt", "kexec", "soft-reboot", "ctrl-alt-del", "runlevel0", "runlevel6", "exit")
# What may stand behind the reboot in a script: the board goes down while it runs.
_IDLE = ("sleep", "wait", "exit", "true", ":", "echo", "printf", "logger", "sync", "return", "pause")
_DEEPEST = 8


def goes_down(words: list[str], deep: int = 0) -> bool:
    """Whether this command reboots the board, or switches it off."""
    while words and deep < _DEEPEST:
        deep += 1
        program = _base(words[0])
        if program in _SHELLS or program in _WITH_SCRIPT:
            script = _script(words[1:], program in _WITH_SCRIPT)
            if script is not None:
                return _script_goes_down(script, deep)
        if program == "eval":
            return _script_goes_down(" ".join(words[1:]), deep)
        if program not in _STARTERS:
            return _is_down(program, words[1:])
        rest = _started(program, words[1:])
        if rest is None:
            return False
        words = rest
    return False


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _started(program: str, words: list[str]) -> list[str] | None:
    valued, asking, before = _STARTERS[program]
    rest = _after_options(words, valued, asking)
    if rest is None:
        return None
    rest = rest[before:]
    while program in _ASSIGNING and rest and is_assignment(rest[0]):
        del rest[0]
    return rest


def is_assignment(word: str) -> bool:
    """NAME=VALUE."""
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def _after_options(words: list[str], valued: str, asking: str) -> list[str] | None:
    """What follows the options; None when one of them says that nothing is done."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        at += 1
        if word == "--":
            break
        if word.startswith("--"):
            name, equals, _ = word[2:].partition("=")
            if name in _ONLY_ASKS:
                return None
            at += not equals and name in _LONG_WITH_VALUE
            continue
        for place, letter in enumerate(word[1:], 2):
            if letter in asking:
                return None
            if letter in valued:
                at += place == len(word)
                break
    return words[at:]


def _script(words: list[str], anywhere: bool) -> str | None:
    """What `sh -c`, `su -c` and the like run; None without it."""
    for at, word in enumerate(words):
        if word.startswith("--command="):
            return word.partition("=")[2]
        cluster = word.startswith("-") and not word.startswith("--") and word.endswith("c")
        if cluster or word in ("--command", "--session-command"):
            following = words[at + 1 :]
            while following and following[0].startswith("-"):  # sh -c -e SCRIPT
                del following[0]
            return following[0] if following else None
        if not (anywhere or word.startswith(("-", "+")) or (at and words[at - 1].endswith(("o", "O")))):
            return None  # the name of a script
    return None


def _script_goes_down(script: str, deep: int) -> bool:
    """By its last command; a reboot that another command's failure decides about (`A || reboot`) may not have happened."""
    made = commands(script)
    stepped_over = False
    while made and (made[-1].joint == "||" or not made[-1].words or _base(made[-1].words[0]) in _IDLE):
        if made[-1].words and _base(made[-1].words[0]) in ("echo", "printf") and _is_sysrq(made[-1]):
            return True
        stepped_over |= made[-1].joint == "||"
        del made[-1]
    if not made or (stepped_over and made[-1].joint == "&&"):
        return False
    return goes_down(made[-1].words, deep)


def _is_sysrq(command: Command) -> bool:
    """echo b >/proc/sysrq-trigger: a reboot at once; o: off."""
    return command.target == "/proc/sysrq-trigger" and command.words[-1].strip() in ("b", "o")


def _is_down(program: str, words: list[str]) -> bool:
    if program in _DOWN:
        return _after_options(words, "d", "w") is not None
    if program in ("shutdown", "openrc-shutdown"):
        clusters = [word for word in words if word.startswith("-") and not word.startswith("--")]
        asks = any(letter in cluster for cluster in clusters for letter in "ck")  # cancels one; only warns
        return not asks and not any(word[2:] in _ONLY_ASKS for word in words if word.startswith("--"))
    if program in ("systemctl", "loginctl"):
        return _systemctl(words)
    if program in ("init", "telinit"):
        rest = _after_options(words, "te", "")
        return rest is not None and rest[:1] in (["0"], ["6"])
    return program == "kexec" and any(
        word == "--exec" or (word.startswith("-") and word[1:2] != "-" and "e" in word) for word in words
    )


def _systemctl(words: list[str]) -> bool:
    rest: list[str] = []
    left: list[str] | None = words
    while left:
        if "=" in left[0] and left[0].startswith(("--host", "--when=cancel", "--when=show")):
            return False
        left = _after_options(left, "tpPsnoHM", "hHM")
        if left:
            rest.append(left.pop(0))
    if left is None or not rest or "--host" in words:
        return False
    verb, *units = rest
    if verb in _VERBS:
        return True
    if verb == "isolate":
        units = [unit if "." in unit else f"{unit}.target" for unit in units]
    return verb in ("start", "isolate", "restart") and any(_is_down_unit(unit) for unit in units)


def _is_down_unit(unit: str) -> bool:
    name, _, kind = unit.rpartition(".")
    if kind == "service":
        return name.startswith("systemd-") and name.removeprefix("systemd-") in _TARGETS
    return kind == "target" and name in _TARGETS
