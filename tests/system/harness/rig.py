# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""One thing of the local cloud with its agent and handlers: what most system tests work at."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from localcloud.cloud import TERMINAL, Cloud, Publish
from localcloud.thing import Thing
from localcloud.waiting import wait_until
from tests.fakes.documents import own_handler
from tests.system.harness.agent import Agent
from tests.system.harness.handlers import Handlers

# Long enough for an emulated agent on a busy machine; a job takes some hundredths of a second otherwise.
JOB_SECONDS = 60.0
ONLINE = r"\{mqtt\}: connected to .+"
# For Thing.configure: a test that cuts connections need not wait for a polite pause.
QUICK_RECONNECT = {"reconnect-min-seconds": 1, "reconnect-max-seconds": 1}

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Result:
    """What the cloud says of an execution."""

    job_id: str
    status: str
    details: dict[str, str]
    number: int
    version: int

    @property
    def reason(self) -> str:
        """statusDetails' `reason`, or ""."""
        return self.details.get("reason", "")

    @property
    def stdout(self) -> str:
        """statusDetails' `stdout`, or ""."""
        return self.details.get("stdout", "")

    @property
    def stderr(self) -> str:
        """statusDetails' `stderr`, or ""."""
        return self.details.get("stderr", "")


class Rig:
    """A thing, its handlers, its agent (the one started last), and the jobs it is given; job ids are unique."""

    def __init__(self, cloud: Cloud, thing: Thing, start: Callable[..., Agent]) -> None:
        self.cloud = cloud
        self.thing = thing
        self.handlers = Handlers(thing.handlers)
        self._start = start
        self._agent: Agent | None = None
        self._since = cloud.mark()

    @property
    def agent(self) -> Agent:
        """The agent started last."""
        if self._agent is None:
            raise RuntimeError("no agent was started: call start() first")
        return self._agent

    def start(self, *flags: str, **more: Any) -> Agent:
        """Start an agent and return without waiting for it; the parameters are those of Agent.start."""
        self._agent = self._start(*flags, of=self.thing, **more)
        return self._agent

    def start_online(self, *flags: str, **more: Any) -> Agent:
        """Start an agent and wait until it has asked the cloud for work."""
        mark = self.cloud.mark()
        agent = self.start(*flags, **more)
        self.wait_published("start-next", since=mark)
        return agent

    def create(self, document: str | dict[str, Any], **more: Any) -> str:
        """Create a job for the thing and return its id; `more` goes to boto3's create_job."""
        job_id = f"job-{next(_numbers)}"
        self.cloud.create_job(job_id, document, self.thing, **more)
        return job_id

    def result(
        self,
        job_id: str,
        status: str | Iterable[str] = TERMINAL,
        timeout: float = JOB_SECONDS,
        number: int | None = None,
    ) -> Result:
        """Wait until the job's execution (the newest, or that of the number) has one of these statuses."""
        found = self.cloud.wait_status(job_id, self.thing, status, timeout, number)
        return Result(job_id, found["status"], found["statusDetails"], found["executionNumber"], found["versionNumber"])

    def run(self, document: str | dict[str, Any], **more: Any) -> Result:
        """Create a job and wait until it has ended, however that is."""
        return self.result(self.create(document, **more))

    def run_script(self, body: str, *args: str, **more: Any) -> Result:
        """Run `body`, a POSIX shell script, as a handler by operation and path default."""
        self.handlers.write("handler.sh", body)
        return self.run(own_handler("handler.sh", *args, **more))

    def publishes(self, ending: str = "", since: int | None = None) -> list[Publish]:
        """What the thing has published, so far or after mark `since`, on topics with this ending."""
        start = self._since if since is None else since
        return [p for p in self.cloud.publishes(self.thing, start) if p.topic.endswith(ending)]

    def wait_published(self, ending: str, count: int = 1, since: int | None = None) -> list[Publish]:
        """Wait for at least `count` publishes on topics with this ending. Raises TimeoutError."""
        return wait_until(
            lambda: found if len(found := self.publishes(ending, since)) >= count else None,
            JOB_SECONDS,
            lambda: f"{count} publishes on ...{ending}; there are {self.publishes('', since)}",
        )

    def reports(self, job_id: str) -> list[str]:
        """Every status the thing has published for a job, oldest first."""
        return [p.json()["status"] for p in self.publishes(f"/{job_id}/update")]
