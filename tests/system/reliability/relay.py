# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A TCP relay between agent and broker that can do what a bad network does: delay, fall silent, refuse, cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

ACCEPT_SECONDS = 0.05
CHUNK = 65536


class Relay:
    """Listens on `host`:`port` and forwards to 127.0.0.1:`to_port`; a context manager.

    `delay`: seconds that every chunk takes, in each direction.
    """

    def __init__(self, to_port: int, host: str = "127.0.0.1", delay: float = 0.0) -> None:
        self.delay = delay
        self.accepted = 0
        self._to = ("127.0.0.1", to_port)
        self._closing = threading.Event()
        self._silent = threading.Event()
        self._changed = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = _listen((host, 0))
        self._address: tuple[str, int] = self._listener.getsockname()

    @property
    def port(self) -> int:
        """The same over refuse() and accept()."""
        return self._address[1]

    def __enter__(self) -> Relay:
        self._run(self._accept_all)
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self.refuse()
        for thread in self._threads:
            thread.join()

    def refuse(self) -> None:
        """Cut all connections and take no new ones: nothing listens here any more."""
        with self._changed:
            listener, self._listener = self._listener, None
            if listener is not None:
                listener.close()
        self.cut()

    def accept(self) -> None:
        """Take connections again, on the same port."""
        with self._changed:
            if self._listener is None:
                self._listener = _listen(self._address)

    def cut(self) -> None:
        """End every connection at once, in both directions."""
        with self._changed:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for sock in pair:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def fall_silent(self) -> None:
        """Connections stay open and new ones are taken, but nothing comes out at the other end: half-open sockets."""
        self._silent.set()

    def speak(self) -> None:
        """Forward again. What was sent meanwhile is lost, so connections of before are broken."""
        self._silent.clear()

    def _run(self, call: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=call, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self) -> None:
        while not self._closing.is_set():
            listener = self._listener
            if listener is None:
                self._closing.wait(ACCEPT_SECONDS)
                continue
            try:
                near, _ = listener.accept()
            except OSError:
                continue
            self._join(near)

    def _join(self, near: socket.socket) -> None:
        near.settimeout(None)
        try:
            far = socket.create_connection(self._to)
        except OSError:
            near.close()
            return
        for sock in (near, far):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            self._pairs.append((near, far))
            self.accepted += 1
        self._run(self._pump, near, far)
        self._run(self._pump, far, near)

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self.delay:
                    self._closing.wait(self.delay)
                if not self._silent.is_set():
                    sink.sendall(data)
        if self._silent.is_set() and not self._closing.is_set():
            return  # the other end does not learn of it
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


def _listen(address: tuple[str, int]) -> socket.socket:
    listener = socket.create_server(address)
    listener.settimeout(ACCEPT_SECONDS)
    return listener
