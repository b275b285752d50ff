# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A real mosquitto with mutual TLS and a per-thing ACL: the second broker, for tests of the transport."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

from localcloud.authority import Authority
from localcloud.child import Child
from localcloud.ports import free_port
from localcloud.thing import Thing
from localcloud.waiting import wait_until

SERVICE = "jobs-service"
START_SECONDS = 20.0

# Limits are those AWS IoT Core announces. As root, mosquitto would become a user that can't read the keys.
CONFIG = """\
user {user}
set_tcp_nodelay true
acl_file {folder}/acl
max_packet_size 131072
max_keepalive 1200
persistent_client_expiration 1h
persistence true
persistence_location {folder}/
log_dest stderr
log_type all
connection_messages true
"""
LISTENER = """\
listener {port} {address}
cafile {folder}/ca.pem
certfile {folder}/server.pem
keyfile {folder}/server.key
require_certificate true
use_identity_as_username true
max_qos 1
"""
ACL = f"""\
pattern readwrite $aws/things/%u/jobs/#

user {SERVICE}
topic readwrite $aws/things/#
"""


class MosquittoError(Exception):
    """mosquitto is not installed or did not start; the text says which and shows its log."""


class Mosquitto(Child):
    """One broker process on loopback, a context manager. Things get their certificates from its own CA.

    It listens on 127.0.0.1 and on `more` addresses; its certificate is good for localhost and `hosts`.
    """

    _called, _error = "mosquitto", MosquittoError

    def __init__(self, *, hosts: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> None:
        self._hosts = hosts
        self._addresses = ("127.0.0.1", *more)
        self._temporary = tempfile.TemporaryDirectory(prefix="mosquitto-")
        self.folder = Path(self._temporary.name)
        self.port = free_port()
        self.authority = Authority()

    def __enter__(self) -> Mosquitto:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._temporary.cleanup()

    def start(self, *, keep_sessions: bool = True) -> None:
        """Start the broker and wait until it listens; without `keep_sessions` it has forgotten all clients.

        Raises MosquittoError.
        """
        program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise MosquittoError("mosquitto is not installed: install the Debian package mosquitto")
        self._write_files()
        if not keep_sessions:
            self._database.unlink(missing_ok=True)
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program, "-c", str(self.folder / "mosquitto.conf")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._listens, START_SECONDS, lambda: f"mosquitto to listen; its log:\n{self.log()}")

    def restart(self, *, keep_sessions: bool = True) -> None:
        """Stop and start again, on the same port."""
        self.stop()
        self.start(keep_sessions=keep_sessions)

    def kill(self) -> None:
        """End the broker at once: it has no time to write its sessions down."""
        process, self._process = self._running(), None
        process.kill()
        process.wait()

    @property
    def log_path(self) -> Path:
        """The broker's log, kept over restarts."""
        return self.folder / "mosquitto.log"

    def log(self) -> str:
        """What the broker has logged so far."""
        return self.log_path.read_text(errors="replace")

    def make_thing(self, name: str, folder: Path) -> Thing:
        """Issue a certificate for a thing; write its files and the agent's config to `folder`."""
        thing = Thing(name, f"arn:aws:iot:::thing/{name}", "localhost", self.port, folder.absolute())
        thing.write(*self.authority.client(name), self.authority.pem)
        return thing

    def make_service(self) -> Thing:
        """Issue the certificate that may speak for the Jobs service, to every thing."""
        return self.make_thing(SERVICE, self.folder / SERVICE)

    @property
    def _database(self) -> Path:
        return self.folder / "mosquitto.db"

    def _listens(self) -> bool:
        if self._running().poll() is not None:
            raise MosquittoError(f"mosquitto ended at once; its log:\n{self.log()}")
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def _write_files(self) -> None:
        user = "root" if os.geteuid() == 0 else "mosquitto"
        config = CONFIG.format(user=user, folder=self.folder)
        for address in self._addresses:
            config += LISTENER.format(port=self.port, address=address, folder=self.folder)
        files = {"mosquitto.conf": config, "acl": ACL}
        if not (self.folder / "server.pem").exists():
            certificate, key = self.authority.server(*self._hosts)
            files |= {"server.pem": certificate, "server.key": key, "ca.pem": self.authority.pem}
        for name, text in files.items():
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(text)
