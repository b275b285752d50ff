# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What each signal means to the agent. One that nobody thought of must not leave a board without an agent.

| signal | means |
|---|---|
| TERM, INT, QUIT | stop in order (`STOP`) |
| HUP | open the log anew and read the configuration again |
| USR1 | write the agent's state to the log |
| CHLD | a child changed (the loop's) |
| ALRM, ABRT | the kernel's and the supervisor's watchdog: they end an agent that stands still |
| CONT; KILL, STOP | the kernel's |
| all others, real-time ones included | nothing |

SEGV, BUS, FPE, ILL, TRAP and SYS are ignored only when somebody sends them: a fault ends the process all the same.
"""

from __future__ import annotations

import _signal

STOP = (_signal.SIGTERM, _signal.SIGINT, _signal.SIGQUIT)
RELOAD, TELL = _signal.SIGHUP, _signal.SIGUSR1
_DEFAULT = {*STOP, _signal.SIGCHLD, _signal.SIGALRM, _signal.SIGABRT, _signal.SIGCONT}
_NOT_CATCHABLE = {_signal.SIGKILL, _signal.SIGSTOP}
CATCHABLE = tuple(sorted({*_signal.valid_signals()} - _NOT_CATCHABLE))


def settle() -> None:
    """Ignore all that has no meaning, and, until the loop takes them over, those that do not stop the agent.

    Nothing is left blocked either, whatever started the agent had blocked.
    """
    for number in CATCHABLE:
        _signal.signal(number, _signal.SIG_DFL if number in _DEFAULT else _signal.SIG_IGN)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
