# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
from signal import ITIMER_REAL as ITIMER_REAL
from signal import SIG_DFL as SIG_DFL
from signal import SIG_IGN as SIG_IGN
from signal import SIG_SETMASK as SIG_SETMASK
from signal import SIGABRT as SIGABRT
from signal import SIGALRM as SIGALRM
from signal import SIGCHLD as SIGCHLD
from signal import SIGCONT as SIGCONT
from signal import SIGHUP as SIGHUP
from signal import SIGINT as SIGINT
from signal import SIGKILL as SIGKILL
from signal import SIGQUIT as SIGQUIT
from signal import SIGSTOP as SIGSTOP
from signal import SIGTERM as SIGTERM
from signal import SIGUSR1 as SIGUSR1
from signal import pthread_sigmask as pthread_sigmask
from signal import set_wakeup_fd as set_wakeup_fd
from signal import setitimer as setitimer
from signal import signal as signal
from signal import valid_signals as valid_signals
