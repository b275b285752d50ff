# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
from signal import ITIMER_REAL as ITIMER_REAL
from signal import SIG_DFL as SIG_DFL
from signal import SIGALRM as SIGALRM
from signal import SIGCHLD as SIGCHLD
from signal import SIGCONT as SIGCONT
from signal import SIGHUP as SIGHUP
from signal import SIGINT as SIGINT
from signal import SIGKILL as SIGKILL
from signal import SIGPIPE as SIGPIPE
from signal import SIGQUIT as SIGQUIT
from signal import SIGTERM as SIGTERM
from signal import SIGUSR1 as SIGUSR1
from signal import SIGUSR2 as SIGUSR2
from signal import SIGXFSZ as SIGXFSZ
from signal import set_wakeup_fd as set_wakeup_fd
from signal import setitimer as setitimer
from signal import signal as signal
