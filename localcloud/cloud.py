# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The local cloud as an object: make things, create and watch jobs, break it, see what devices did."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from localcloud.policy import minimal_policy
from localcloud.process import CloudError, ServerProcess
from localcloud.thing import Thing
from localcloud.waiting import wait_until

ACCOUNT, REGION = "000000000000", "us-west-2"
# The output in the C++ client's Jobs README has ISO times, the default of version 2 of the command; version 1 has to be told.
AWS_CONFIG = f"[default]\nregion = {REGION}\ncli_timestamp_format = iso8601\n"
TERMINAL = ("SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED")


@dataclass(frozen=True)
class Publish:
    """One message a device published; `seq` numbers everything devices did."""

    seq: int
    at: float
    client: str
    topic: str
    payload: bytes

    def json(self) -> Any:
        """The payload, read as JSON."""
        return json.loads(self.payload)


class Cloud:
    """One running local cloud (a child process), a context manager.

    `details` is "tolerant" or "strict" (refuses newline and tab in statusDetails). `minute` is how many
    seconds a minute of a job timer lasts. Ports: 0 takes any free one. `folder` holds the server's log and
    the configuration of the `aws` command (default: a temporary one). `keep_state` keeps things and jobs
    over stop() and start(), as a service does.
    """

    def __init__(
        self,
        *,
        details: str = "tolerant",
        minute: float = 60.0,
        http_port: int = 0,
        mqtt_port: int = 0,
        folder: Path | None = None,
        keep_state: bool = False,
    ) -> None:
        self._own_folder = None if folder else tempfile.TemporaryDirectory(prefix="localcloud-")
        self.folder = folder or Path(self._own_folder.name if self._own_folder else "")
        options = ["--details", details, "--minute", str(minute)]
        options += ["--state", str(self.folder / "state")] if keep_state else []
        self.server = ServerProcess(options, http_port, mqtt_port, self.log_path)

    def __enter__(self) -> Cloud:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.stop()
        if self._own_folder:
            self._own_folder.cleanup()

    def start(self) -> None:
        """Start the server and wait until it serves; a second start uses the ports of the first."""
        self.server.start()
        self._aws_config.write_text(AWS_CONFIG)
        self.iot, self.jobs_data = self._client("iot"), self._client("iot-jobs-data")

    def stop(self) -> None:
        """End the server; harmless when it doesn't run."""
        self.server.stop()

    # -- reaching it

    @property
    def url(self) -> str:
        """The endpoint of the control plane, for `aws --endpoint-url`."""
        return self.server.url

    @property
    def mqtt_port(self) -> int:
        """The port devices connect to, with mutual TLS, at localhost."""
        return self.server.mqtt_port

    @property
    def log_path(self) -> Path:
        """The server's own log."""
        return self.folder / "server.log"

    @property
    def _aws_config(self) -> Path:
        return self.folder / "aws-config"

    def aws_env(self) -> dict[str, str]:
        """Environment variables under which the `aws` CLI and boto3 talk to this cloud and to no other."""
        return {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": str(self._aws_config),
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def aws_prefix(self) -> list[str]:
        """The first words of an `aws` command line for this cloud; run it under aws_env()."""
        beside = Path(sys.executable).with_name("aws")
        return [str(beside) if beside.exists() else "aws", "--endpoint-url", self.url]

    def aws(self, *words: str) -> str:
        """Run the real `aws` CLI with `words` and return its output. Raises CloudError with what it said."""
        command = [*self.aws_prefix(), *words]
        done = subprocess.run(command, env=os.environ | self.aws_env(), capture_output=True, text=True)
        if done.returncode:
            raise CloudError(f"aws {' '.join(words)} ended with status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def _client(self, service: Any) -> Any:
        # Keys are named here so that those of whoever runs the tests are never used.
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    # -- things

    def thing_arn(self, name: str) -> str:
        """The ARN of a thing of this cloud."""
        return f"arn:aws:iot:{REGION}:{ACCOUNT}:thing/{name}"

    def make_thing(self, name: str, folder: Path) -> Thing:
        """Register a thing with certificate and minimal policy; write its files and config to `folder`."""
        self.iot.create_thing(thingName=name)
        keys = self.iot.create_keys_and_certificate(setAsActive=True)
        policy, document = f"{name}-device-client", json.dumps(minimal_policy(REGION, ACCOUNT, name))
        self.iot.create_policy(policyName=policy, policyDocument=document)
        self.iot.attach_policy(policyName=policy, target=keys["certificateArn"])
        self.iot.attach_thing_principal(thingName=name, principal=keys["certificateArn"])
        ca = self.server.request("GET", "/_ministack/iot/ca.pem").decode()
        thing = Thing(name, self.thing_arn(name), "localhost", self.mqtt_port, folder.absolute())
        thing.write(keys["certificatePem"], keys["keyPair"]["PrivateKey"], ca)
        return thing

    # -- jobs

    def create_job(
        self,
        job_id: str,
        document: str | dict[str, Any],
        things: Thing | str | Iterable[Thing | str],
        **more: Any,
    ) -> None:
        """Create a job for one or more things (names or Thing); `more` goes to boto3's create_job."""
        targets = [things] if isinstance(things, Thing | str) else list(things)
        arns = [t.arn if isinstance(t, Thing) else self.thing_arn(t) for t in targets]
        text = document if isinstance(document, str) else json.dumps(document)
        self.iot.create_job(jobId=job_id, document=text, targets=arns, **more)

    def describe(self, job_id: str, thing: Thing | str, execution_number: int | None = None) -> dict[str, Any]:
        """Return one execution, the newest or that of the number; `statusDetails` is a plain map."""
        number = {} if execution_number is None else {"executionNumber": execution_number}
        answer = self.iot.describe_job_execution(jobId=job_id, thingName=_name(thing), **number)
        execution: dict[str, Any] = answer["execution"]
        execution["statusDetails"] = execution.get("statusDetails", {}).get("detailsMap", {})
        return execution

    def wait_status(
        self,
        job_id: str,
        thing: Thing | str,
        statuses: str | Iterable[str] = TERMINAL,
        timeout: float = 30.0,
        execution_number: int | None = None,
    ) -> dict[str, Any]:
        """Wait until an execution has one of `statuses` and return it.

        Raises TimeoutError, and at once when the execution ended in another terminal status.
        """
        wanted = (statuses,) if isinstance(statuses, str) else tuple(statuses)
        last: dict[str, Any] = {}

        def reached() -> bool:
            nonlocal last
            try:
                last = self.describe(job_id, thing, execution_number)
            except self.iot.exceptions.ResourceNotFoundException:
                return False
            if last["status"] in TERMINAL and last["status"] not in wanted:
                raise CloudError(f"job {job_id} ended as {last['status']}, wanted {wanted}: {last['statusDetails']}")
            return last["status"] in wanted

        wait_until(reached, timeout, lambda: f"job {job_id} to be {' or '.join(wanted)}; it is {last or 'missing'}")
        return last

    def cancel_job(self, job_id: str, *, force: bool = False) -> None:
        """Cancel a job; `force` also cancels what is running."""
        self.iot.cancel_job(jobId=job_id, force=force)

    def cancel_execution(self, job_id: str, thing: Thing | str, *, force: bool = False) -> None:
        """Cancel one execution; a running one only with `force`."""
        self.iot.cancel_job_execution(jobId=job_id, thingName=_name(thing), force=force)

    def delete_job(self, job_id: str, *, force: bool = True) -> None:
        """Delete a job and its executions."""
        self.iot.delete_job(jobId=job_id, force=force)

    def delete_execution(self, job_id: str, thing: Thing | str, number: int = 1, *, force: bool = True) -> None:
        """Delete one execution; a running one only with `force`."""
        self.iot.delete_job_execution(jobId=job_id, thingName=_name(thing), executionNumber=number, force=force)

    # -- faults and what devices did

    def fault(self, kind: str, match: str = "*", *, skip: int = 0, count: int = 1, seconds: float = 0.0) -> None:
        """Let a fault strike later messages; localcloud.faults lists the kinds and explains the rest."""
        wanted = {"kind": kind, "match": match, "skip": skip, "count": count, "seconds": seconds}
        self.server.request("PUT", "/_localcloud/faults", [wanted])

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults that have not struck to their end yet."""
        waiting: list[dict[str, Any]] = json.loads(self.server.request("GET", "/_localcloud/faults"))
        return waiting

    def clear_faults(self) -> None:
        """Forget every fault."""
        self.server.request("DELETE", "/_localcloud/faults")

    def kick(self, thing: Thing | str, *, forget: bool = False) -> bool:
        """Cut a device's connection, and `forget` its stored session; return whether it was connected."""
        answer = self.server.request("POST", "/_localcloud/kick", {"client": _name(thing), "forget": forget})
        return bool(json.loads(answer))

    def events(self, kind: str | None = None, thing: Thing | str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """Return what devices did after number `since`: `publish`, `denied`, `connect` and `disconnect`."""
        events = json.loads(self.server.request("GET", f"/_localcloud/events?since={since}"))
        name = None if thing is None else _name(thing)
        return [e for e in events if kind in (None, e["kind"]) and name in (None, e["client"])]

    def mark(self) -> int:
        """Return the number of the newest event, to be given as `since` later on."""
        return int(self.server.request("GET", "/_localcloud/last"))

    def publishes(self, thing: Thing | str | None = None, since: int = 0) -> list[Publish]:
        """Return the messages devices published after number `since`, oldest first."""
        return [
            Publish(e["seq"], e["at"], e["client"], e["topic"], base64.b64decode(e["payload"]))
            for e in self.events("publish", thing, since)
        ]


def _name(thing: Thing | str) -> str:
    return thing.name if isinstance(thing, Thing) else thing
