# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: real AWS IoT jobs, created with the real `aws` command, run by the agent on this machine.

Exit status: 0 when every job had the outcome it must have, 1 when not or when the demo could not be played,
128 + N after signal N. Whatever happens, no process is left running.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from demo.agent import AgentError, DemoAgent
from demo.interrupts import Stopped, interrupts
from demo.jobs import JOBS, write_handlers
from demo.play import CONNECT_SECONDS, Demo, conclude
from demo.screen import Screen
from localcloud.cloud import Cloud
from localcloud.process import CloudError
from localcloud.waiting import wait_until
from toolchains.agent import TARGETS, MissingTarget, agent_command, best_target
from toolchains.base import ROOT

ABOUT = "Run real AWS IoT jobs, created with the real aws command, against a local AWS IoT."


def main() -> int:
    """Play the demo; return the exit status."""
    options = _options()
    interrupts.install()
    screen = Screen(sys.stdout, rows=len(JOBS) + 4)
    try:
        target = options.arch or best_target()
        command = agent_command(target)
        with ExitStack() as stack:
            try:
                return _show(screen, stack, command, f"my-{target}", keep=options.keep)
            finally:
                interrupts.hold()
                with screen.step("ending everything"):
                    stack.close()
    except Stopped as stopped:
        return 128 + stopped.signum
    except (AgentError, CloudError, MissingTarget, TimeoutError) as error:
        sys.stderr.write(f"demo: {error}\n")
    except BrokenPipeError:
        # Nobody reads on (`| head`): the interpreter's own last flush must not complain either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=ABOUT)
    parser.add_argument(
        "--arch",
        choices=TARGETS,
        help="what runs as the agent: the source, or the binary of dist/ARCH, under qemu if it is foreign "
        "(default: this machine's binary if it is built, else the source)",
    )
    parser.add_argument("--keep", action="store_true", help="leave cloud and agent running until Ctrl-C")
    return parser.parse_args()


def _show(screen: Screen, stack: ExitStack, command: list[str], name: str, *, keep: bool) -> int:
    """`name`: the thing's. Each target has its own: side by side, two agents of one thing take the other's processes for
    strays of their job.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aws-iot-demo-")))
    with screen.step("starting the local AWS IoT"):
        cloud = stack.enter_context(Cloud(folder=folder))
    with screen.step(f"making the thing {name}, its certificate and its policy"):
        thing = cloud.make_thing(name, folder / name)
    # A short grace: Ctrl-C ends the demo soon, also while a handler runs.
    thing.configure(logging={"level": "INFO"}, jobs={"stop-grace-seconds": 1})
    write_handlers(thing.handlers)
    agent = DemoAgent(command, thing)
    stack.callback(agent.stop)
    demo = Demo(screen, cloud, thing, agent)
    stack.callback(demo.end_command)
    with screen.step(f"starting the agent, {_relative(command)}"):
        demo.start_agent()
        wait_until(demo.connected, CONNECT_SECONDS, lambda: f"the agent to connect; its log:\n{agent.log_end()}")
    screen.say()
    demo.report(demo.play())
    status = conclude(screen, demo.rows, agent)
    if keep:
        _keep_open(screen, demo)
    return status


def _relative(command: Sequence[str]) -> str:
    return shlex.join(word.removeprefix(f"{ROOT}/") for word in command)


def _keep_open(screen: Screen, demo: Demo) -> None:
    variables = [f"export {key}={shlex.quote(value)}" for key, value in demo.cloud.aws_env().items()]
    create = [*demo.cloud.aws_prefix(), "iot", "create-job", "--job-id", "mine"]
    create += ["--document", json.dumps({"operation": "echo", "args": ["Hello world!"]})]
    lines = [
        "",
        "Everything goes on until you press Ctrl-C. In another terminal:",
        *variables,
        shlex.join([*create, "--targets", demo.thing.arn]),
        f"Handlers: {demo.thing.handlers} (files of mode 700). The agent's log: {demo.agent.log_path}",
    ]
    screen.say("\n".join(lines))
    try:
        demo.cloud.server.wait()
    except Stopped:
        screen.say()


if __name__ == "__main__":
    sys.exit(main())
