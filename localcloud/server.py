# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The local cloud as one process: MiniStack with the overlay, fault injection and a control endpoint.

`python -m localcloud.server` prints one JSON line `{"http": PORT, "mqtt": PORT}` and serves until SIGTERM or
SIGINT, or, with --tied, until its standard input ends (so it never outlives whoever started it).
All listeners are on 127.0.0.1. Control endpoint, JSON in and out:
  GET  /_localcloud/events?since=N   what devices did (faults.Record) after number N
  GET  /_localcloud/last   the number of the newest of these events
  GET, PUT, DELETE /_localcloud/faults   list, add (a list of faults), clear
  POST /_localcloud/kick   {"client": thing name, "forget": false}
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import importlib
import json
import os
import signal
import socket
import sys
import tempfile
from typing import Any
from urllib.parse import parse_qs

from localcloud.ports import free_port

CONTROL = "/_localcloud/"
TICKS_PER_MINUTE = 120


def main() -> int:
    """Serve until told to stop; return the exit status."""
    options = _options()
    http, mqtt = _listener(options.http_port), _free_port(options.mqtt_port)
    _set_environment(http.getsockname()[1], mqtt, options)
    sys.stdout.write(json.dumps({"http": http.getsockname()[1], "mqtt": mqtt}) + "\n")
    sys.stdout.flush()
    os.dup2(2, 1)  # whoever reads the line above reads no further: a full pipe must not block MiniStack
    asyncio.run(_serve(http, options))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="localcloud.server", description="The local cloud as one process.")
    parser.add_argument("--http-port", type=int, default=0, help="control plane port (0: any free one)")
    parser.add_argument("--mqtt-port", type=int, default=0, help="mutual TLS MQTT port (0: any free one)")
    parser.add_argument("--details", choices=("tolerant", "strict"), default="tolerant")
    parser.add_argument("--minute", type=float, default=60.0, help="seconds that a minute of a job timer lasts")
    parser.add_argument("--state", help="folder that keeps things and jobs over a restart")
    parser.add_argument("--tied", action="store_true", help="stop when standard input ends")
    return parser.parse_args()


def _listener(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", port))
    except OSError as error:
        raise SystemExit(
            f"localcloud: port {port} on 127.0.0.1 can't be used: {error.strerror}; name another"
        ) from None
    return sock


def _free_port(port: int) -> int:
    with _listener(port or free_port()) as sock:
        return int(sock.getsockname()[1])


def _set_environment(http: int, mqtt: int, options: argparse.Namespace) -> None:
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(http),
        IOT_MTLS_PORT=str(mqtt),
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "WARNING"),
        MINISTACK_HOST="localhost",
        MINISTACK_REGION="us-west-2",
        S3_DATA_DIR=tempfile.gettempdir(),
        SFTP_ENABLED="0",
    )
    if options.state:
        os.environ.update(PERSIST_STATE="1", STATE_DIR=options.state)


async def _serve(http: socket.socket, options: argparse.Namespace) -> None:
    # MiniStack reads the environment when it is imported, so it is imported only here.
    overlay: Any = importlib.import_module("localcloud.overlay")
    faults: Any = importlib.import_module("localcloud.faults")
    overlay.install(strict=options.details == "strict", minute=options.minute)
    control = _Control(faults)
    hypercorn: Any = importlib.import_module("hypercorn.asyncio")
    config: Any = importlib.import_module("hypercorn.config").Config()
    config.bind = [f"fd://{http.fileno()}"]
    config.graceful_timeout = 0.5
    config.loglevel = os.environ["LOG_LEVEL"]
    stop = _stop_event(tied=options.tied)
    ticker = asyncio.create_task(_tick(overlay, options.minute / TICKS_PER_MINUTE))
    await hypercorn.serve(control.application, config, shutdown_trigger=stop.wait)
    ticker.cancel()


def _stop_event(*, tied: bool) -> asyncio.Event:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)

    def ended() -> None:
        if not os.read(0, 4096):
            loop.remove_reader(0)
            stop.set()

    if tied:
        loop.add_reader(0, ended)
    return stop


async def _tick(overlay: Any, seconds: float) -> None:
    while True:
        await asyncio.sleep(max(seconds, 0.02))
        await overlay.tick()


class _Control:
    """The control endpoint in front of MiniStack's own HTTP application."""

    def __init__(self, module: Any) -> None:
        self._module = module
        self._faults, self._record = module.Faults(), module.Record()
        self._ministack = importlib.import_module("ministack.app").app
        module.install(self._faults, self._record)

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer control requests, and hand everything else to MiniStack (the ASGI interface)."""
        if scope["type"] != "http" or not scope["path"].startswith(CONTROL):
            await self._ministack(scope, receive, send)
            return
        status, answer = 200, None
        try:
            answer = await self._answer(scope, await _body(receive))
        except (ValueError, TypeError, KeyError) as error:
            status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    async def _answer(self, scope: Any, body: bytes) -> Any:
        what, method = scope["path"].removeprefix(CONTROL), scope["method"]
        if (method, what) == ("GET", "events"):
            return self._record.since(int(parse_qs(scope["query_string"].decode()).get("since", ["0"])[0]))
        if (method, what) == ("GET", "last"):
            return self._record.last
        if (method, what) == ("POST", "kick"):
            request = json.loads(body)
            return await self._module.kick(request["client"], forget=bool(request.get("forget")))
        if what != "faults" or method not in ("GET", "PUT", "DELETE"):
            raise ValueError(f"no control request is called {method} {what}")
        if method == "DELETE":
            self._faults.waiting.clear()
        elif method == "PUT":
            self._faults.waiting += [self._module.Fault(**fault) for fault in json.loads(body)]
        return [dataclasses.asdict(fault) for fault in self._faults.waiting]


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


if __name__ == "__main__":
    sys.exit(main())
