# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`make cloud`: the local cloud in the foreground, with one thing, ready to be played with by hand."""

from __future__ import annotations

import argparse
import shlex
import signal
import socket
import sys
from pathlib import Path

from localcloud.cloud import ACCOUNT, Cloud
from localcloud.process import CloudError
from localcloud.thing import Thing

THING = "my-thing"
USUAL_HTTP_PORT, USUAL_MQTT_PORT = 4566, 8883


def main() -> int:
    """Run the cloud until Ctrl-C or SIGTERM; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m localcloud", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".localcloud"), help="where the files go")
    folder = parser.parse_args().folder.absolute()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Cloud(
            http_port=_usual_or_any(USUAL_HTTP_PORT),
            mqtt_port=_usual_or_any(USUAL_MQTT_PORT),
            folder=folder,
        ) as cloud:
            print(_welcome(cloud, cloud.make_thing(THING, folder / THING)), flush=True)
            cloud.server.wait()
    except KeyboardInterrupt:
        print("\nstopped")
        return 0
    except CloudError as error:
        print(f"localcloud: {error}", file=sys.stderr)
    return 1


def _usual_or_any(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _welcome(cloud: Cloud, thing: Thing) -> str:
    variables = "\n".join(f"  export {key}={shlex.quote(value)}" for key, value in cloud.aws_env().items())
    prefix = shlex.join(cloud.aws_prefix())
    document = shlex.quote('{"operation": "echo", "args": ["Hello world!"], "includeStdOut": true}')
    return f"""\
A local AWS IoT is running, on loopback only, until you press Ctrl-C.

  control plane   {cloud.url}
  MQTT endpoint   {thing.endpoint}:{thing.port} (mutual TLS)
  account         {ACCOUNT}   (write it where an example has XXXXXXXXXX)
  thing           {thing.arn}
  handlers        {thing.handlers}   (files of mode 700)
  server log      {cloud.log_path}

Start the agent in a second terminal:
  {shlex.quote(sys.executable)} -m dc --config-file {shlex.quote(str(thing.config_path))}

Set up a third one for the aws command:
{variables}

and give it jobs:
  {prefix} iot create-job --job-id hello --document {document} --targets {thing.arn}
  {prefix} iot describe-job-execution --job-id hello --thing-name {thing.name}
"""


if __name__ == "__main__":
    sys.exit(main())
