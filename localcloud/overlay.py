# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""AWS's Jobs rules that MiniStack leaves open, put over it by name; nothing of MiniStack is copied.

Import this only after the environment of MiniStack is set: it reads it on import.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import time
from typing import Any

from localcloud.details import details_error
from localcloud.ministack import load, replaces

iot = load()

ACCOUNT, REGION = "000000000000", "us-west-2"
DISCARD_STEP_TIMER = -1
MAX_TIMER_MINUTES = 10080

_step: contextvars.ContextVar[Any] = contextvars.ContextVar("step_timeout", default=None)
_timed_out: list[tuple[str, str]] = []  # (thing, job) whose TIMED_OUT was not announced yet
_retried: dict[str, str] = {}  # thing -> job that was queued again


def install(*, strict: bool, minute: float) -> None:
    """Put the rules in place: `strict` refuses newlines in statusDetails, a timer minute lasts `minute` s."""
    _connections()
    _details(strict)
    _order()
    _timers(minute / 60)
    _step_timers()
    _retries()


def _connections() -> None:
    _listen_on_loopback_only()

    @replaces(iot._MtlsAcceptor, "connection_made")
    def still_paused(original: Any, acceptor: Any, transport: Any) -> None:
        """Python 3.11.2 (Debian 12) forgets a pause made this early, and the ClientHello would go astray."""
        original(acceptor, transport)
        for again in (transport.resume_reading, transport.pause_reading):
            asyncio.get_running_loop().call_soon(again)

    @replaces(iot, "broker_subscribe")
    async def replace_same_filter(original: Any, account: str, region: str, name: str, *rest: Any, **kw: Any) -> Any:
        held = iot._subscriptions.get(iot._scoped_topic(account, region, name), ())
        for old in [s for s in held if s.client_id and s.client_id == kw.get("client_id")]:
            await iot.broker_unsubscribe(old.subscription_id)
        return await original(account, region, name, *rest, **kw)


def _listen_on_loopback_only() -> None:
    kind: Any = asyncio.BaseEventLoop
    original = kind.create_server

    def create_server(loop: Any, factory: Any, host: Any = None, *args: Any, **kwargs: Any) -> Any:
        return original(loop, factory, "127.0.0.1" if host == "0.0.0.0" else host, *args, **kwargs)

    kind.create_server = create_server


def _refused(reason: str) -> Any:
    return iot.error_response_json("InvalidRequestException", reason, 400)


def _details(strict: bool) -> None:
    @replaces(iot, "_jobs_status_details_error")
    def checked(_original: Any, details: Any) -> Any:
        reason = details_error(details, strict=strict)
        return _refused(reason) if reason else None


def _order() -> None:
    @replaces(iot, "jobs_pending_for_thing")
    def running_first(original: Any, thing: str) -> Any:
        return sorted(original(thing), key=lambda e: (e["status"] != "IN_PROGRESS", e["queuedAt"]))

    @replaces(iot, "_handle_jobs_publish")
    async def new_front(original: Any, account: str, region: str, thing: str, verb: str, *rest: Any) -> None:
        request = _object(rest[-1])
        token = _step.set(request.get("stepTimeoutInMinutes"))
        try:
            with iot.request_scope(account, region):
                front = iot.jobs_first_pending_job_id(thing)
                await original(account, region, thing, verb, *rest)
                starts = verb == "update" and request.get("status") == "IN_PROGRESS"
                if starts and iot.jobs_first_pending_job_id(thing) != front:
                    await _announce_next(account, region, thing)
        finally:
            _step.reset(token)


def _object(payload: bytes) -> dict[str, Any]:
    try:
        value = json.loads(payload or b"{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


async def _announce_next(account: str, region: str, thing: str) -> None:
    """Send notify-next alone: what AWS does when a later job starts and so becomes the first one."""
    execution = iot.jobs_start_next_execution(thing, peek=True)
    view = iot._jobs_mqtt_execution(execution, iot._jobs_job_document_object(execution["jobId"]))
    message = iot._jobs_mqtt_json({"timestamp": int(time.time()), "execution": view})
    await iot.broker_publish(account, region, f"$aws/things/{thing}/jobs/notify-next", message.encode(), qos=1)


def _timers(scale: float) -> None:
    @replaces(iot, "_jobs_timeout_minutes")
    def limit(original: Any, execution: dict[str, Any], job: Any) -> float | None:
        """Minutes from the timer's start; a step timer never outlives the one of the job."""
        step = execution.get("stepTimeoutInMinutes")
        whole: int | None = original({**execution, "stepTimeoutInMinutes": None}, job)
        if step is None:
            return whole * scale if whole else None
        gone = (execution["timeoutStartedAt"] - execution["startedAt"]) / 60_000
        left = whole * scale - gone if whole else step * scale
        return max(float(min(step * scale, left)), 1e-6)

    @replaces(iot, "_jobs_apply_timeout")
    def remember(original: Any, execution: dict[str, Any]) -> Any:
        before = execution["status"]
        original(execution)
        if execution["status"] != before:
            _timed_out.append((execution["thingName"], execution["jobId"]))
        return execution


def _step_timers() -> None:
    @replaces(iot, "jobs_update_execution")
    def step_timer(original: Any, thing: str, job: str, *, step_timeout_minutes: Any = None, **kw: Any) -> Any:
        step = _step.get() if step_timeout_minutes is None else step_timeout_minutes
        discard = step == DISCARD_STEP_TIMER
        if not discard and (reason := _step_error(step)):
            return None, _refused(reason)
        execution, error = original(thing, job, step_timeout_minutes=None if discard else step, **kw)
        if discard and not error:
            for name in ("stepTimeoutInMinutes", "timeoutStartedAt"):
                iot._job_executions[(thing, job)].pop(name, None)
        return execution, error

    @replaces(iot, "jobs_start_next_execution")
    def first_timer(original: Any, thing: str, *, peek: bool = False, **kw: Any) -> Any:
        queued = iot.jobs_pending_for_thing(thing)[:1]
        execution, step = original(thing, peek=peek, **kw), _step.get()
        if not peek and queued and queued[0]["status"] == "QUEUED" and step and not _step_error(step):
            timer = {"stepTimeoutInMinutes": step, "timeoutStartedAt": execution["startedAt"]}
            iot._job_executions[(thing, execution["jobId"])].update(timer)
            execution.update(timer)
        return execution


def _step_error(step: Any) -> str | None:
    if step is None or (isinstance(step, int) and 1 <= step <= MAX_TIMER_MINUTES):
        return None
    return f"stepTimeoutInMinutes is {step!r}, wanted 1 to {MAX_TIMER_MINUTES}"


async def tick() -> None:
    """Let timers that ran out fire without anybody asking: TIMED_OUT, then notify and notify-next."""
    async with iot.publishing_events():
        with iot.request_scope(ACCOUNT, REGION):
            for execution in list(iot._job_executions.values()):
                iot._jobs_apply_timeout(execution)
        while _timed_out:
            await iot.jobs_notify_thing(ACCOUNT, REGION, *_timed_out.pop(0))


def _retries() -> None:
    @replaces(iot, "_jobs_maybe_complete")
    def queue_retry(original: Any, job_id: str) -> None:
        job = iot._jobs.get(job_id) or {}
        may_retry = job.get("jobExecutionsRetryConfig") and job["status"] == "IN_PROGRESS"
        for execution in list(iot._job_executions.values()) if may_retry else ():
            if execution["jobId"] == job_id and _retry_is_due(job, execution):
                iot._jobs_queue_execution(execution["thingName"], job_id, iot._jobs_now_ms())
                _retried[execution["thingName"]] = job_id
        original(job_id)

    @replaces(iot, "jobs_notify_thing")
    async def retry_is_news(original: Any, account: str, region: str, thing: str, front: str | None) -> None:
        """The same job in front again with a higher executionNumber is a new front."""
        again = _retried.pop(thing, None)
        await original(account, region, thing, None if again == front else front)


def _retry_is_due(job: dict[str, Any], execution: dict[str, Any]) -> bool:
    ends = [e["status"] for e in iot._jobs_with_history(execution)]
    for rule in job["jobExecutionsRetryConfig"].get("criteriaList", ()):
        kinds = ("FAILED", "TIMED_OUT") if rule["failureType"] == "ALL" else (rule["failureType"],)
        if execution["status"] in kinds:
            return sum(end in kinds for end in ends) <= int(rule["numberOfRetries"])
    return False
