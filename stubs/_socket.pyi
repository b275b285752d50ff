# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
from socket import AF_UNIX as AF_UNIX
from socket import SOCK_CLOEXEC as SOCK_CLOEXEC
from socket import SOCK_DGRAM as SOCK_DGRAM
from socket import socket as socket
