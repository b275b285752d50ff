# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent tells the cloud and when: claims, versions, cancels, retries, and the queue."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.cloud import Cloud
from localcloud.procfs import lives
from localcloud.waiting import wait_until
from tests.fakes.documents import operation, own, run_command, steps
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Waiting, Watched, wait_gone, wait_pids
from tests.system.harness.station import JOB_SECONDS, QUICK_RECONNECT, Result, Station


def test_in_progress_is_accepted_before_the_handler_starts(fresh: Station) -> None:
    """The claim's answer is held back: nothing may run meanwhile."""
    fresh.start_online()
    handler = Waiting(fresh)
    fresh.cloud.fault("late", f"*/{fresh.thing.name}/jobs/*/update", seconds=1.0)
    job = fresh.create(own("wait.sh", includeStdOut=True))
    fresh.wait_published(f"/{job}/update")
    assert fresh.cloud.describe(job, fresh.thing)["status"] == "QUEUED"
    assert fresh.agent.children() == [] and not handler.pid_file.exists()
    handler.pid()
    assert fresh.cloud.describe(job, fresh.thing)["status"] == "IN_PROGRESS"
    handler.go_on()
    assert fresh.result(job).stdout == "went on\n"


def test_every_update_carries_version_execution_number_and_a_token_of_its_own(station: Station) -> None:
    result = station.run(operation("true"))
    claim, report = (p.json() for p in station.publishes(f"/{result.job_id}/update"))
    assert (claim["status"], claim["expectedVersion"], claim["executionNumber"]) == ("IN_PROGRESS", 1, 1)
    assert (report["status"], report["expectedVersion"], report["executionNumber"]) == ("SUCCEEDED", 2, 1)
    assert claim["clientToken"] != report["clientToken"]
    assert (result.version, result.number) == (3, 1)


def test_a_job_whose_claim_finds_it_cancelled_does_not_run(fresh: Station) -> None:
    """Cancelled between the notification and the claim."""
    fresh.start_online()
    trace = fresh.thing.folder / "ran"
    fresh.cloud.fault("late", f"*/{fresh.thing.name}/jobs/*/update", seconds=1.0)
    job = fresh.create(operation("touch", str(trace)))
    fresh.wait_published(f"/{job}/update")
    fresh.cloud.cancel_execution(job, fresh.thing)
    assert fresh.run(operation("true")).status == "SUCCEEDED"
    assert fresh.result(job).status == "CANCELED" and not trace.exists()


def test_jobs_queued_while_the_agent_was_off_run_in_their_order(fresh: Station) -> None:
    log = fresh.thing.folder / "order"
    fresh.handlers.write("note.sh", f'echo "$1" >> {log}')
    jobs = [fresh.create(own("note.sh", str(number))) for number in range(5)]
    fresh.start()
    assert [fresh.result(job).status for job in jobs] == ["SUCCEEDED"] * 5
    assert log.read_text().split() == ["0", "1", "2", "3", "4"]


def test_jobs_created_while_one_runs_follow_it_one_at_a_time(fresh: Station) -> None:
    fresh.start_online()
    handler = Waiting(fresh)
    overlap = fresh.thing.folder / "overlap"
    fresh.handlers.write("alone.sh", f"mkdir {overlap} && sleep 0.1 && rmdir {overlap}")
    first = fresh.create(own("wait.sh"))
    handler.pid()
    others = [fresh.create(own("alone.sh")) for _ in range(3)]
    assert {fresh.cloud.describe(job, fresh.thing)["status"] for job in others} == {"QUEUED"}
    handler.go_on()
    assert [fresh.result(job).status for job in [first, *others]] == ["SUCCEEDED"] * 4


@pytest.mark.parametrize("how", ["execution", "job"])
def test_a_forced_cancel_ends_the_handler_and_everything_it_started(fresh: Station, how: str) -> None:
    """Its group, and a child that left the group by setsid."""
    fresh.thing.configure(jobs={"stop-grace-seconds": 1})
    fresh.start_online()
    pids = fresh.thing.folder / "pids"
    body = f"sleep 600 & a=$!; setsid sleep 600 & echo $$ $a $! > {pids}.new; mv {pids}.new {pids}; wait"
    fresh.handlers.write("family.sh", body)
    job = fresh.create(own("family.sh"))
    family = wait_pids(pids)
    assert len(family) == 3 and all(lives(pid) for pid in family)
    if how == "job":
        fresh.cloud.cancel_job(job, force=True)
    else:
        fresh.cloud.cancel_execution(job, fresh.thing, force=True)
    wait_gone(*family)
    assert fresh.reports(job)[-1] != "SUCCEEDED"
    assert fresh.run(operation("true")).status == "SUCCEEDED"
    assert fresh.result(job).status == "CANCELED"


def test_a_handler_that_ignores_sigterm_is_killed_after_the_grace(fresh: Station) -> None:
    fresh.thing.configure(jobs={"stop-grace-seconds": 0.3})
    fresh.start_online()
    handler = Watched(fresh, "stubborn.sh", "trap '' TERM; while :; do sleep 0.05; done")
    job = fresh.create(own("stubborn.sh"))
    pid = handler.pid()
    fresh.cloud.cancel_execution(job, fresh.thing, force=True)
    wait_gone(pid)
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_handler_may_tidy_up_when_it_is_cancelled(fresh: Station) -> None:
    fresh.start_online()
    tidy = fresh.thing.folder / "tidy"
    loop = "while :; do sleep 0.05; done"
    handler = Watched(fresh, "tidy.sh", f"trap 'echo done > {tidy}; exit 0' TERM; {loop}")
    job = fresh.create(own("tidy.sh"))
    handler.pid()
    fresh.cloud.cancel_execution(job, fresh.thing, force=True)
    wait_until(tidy.exists, JOB_SECONDS, "the handler's trap to run")
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_deleted_job_ends_its_handler(fresh: Station) -> None:
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh"))
    pid = handler.pid()
    fresh.cloud.delete_job(job)
    wait_gone(pid)
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_job_deleted_and_created_again_under_its_name_runs_again(fresh: Station) -> None:
    fresh.start_online()
    log = fresh.thing.folder / "runs"
    fresh.handlers.write("note.sh", f"echo run >> {log}")
    for _ in range(2):
        fresh.cloud.create_job("again", own("note.sh"), fresh.thing)
        fresh.result("again", "SUCCEEDED", timeout=20)
        fresh.cloud.delete_job("again")
    assert log.read_text() == "run\nrun\n"


def test_an_execution_whose_time_is_over_in_the_cloud_ends_its_handler(fresh: Station) -> None:
    """inProgressTimeoutInMinutes; a minute lasts two seconds in this cloud."""
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh"), timeoutConfig={"inProgressTimeoutInMinutes": 1})
    pid = handler.pid()
    assert fresh.result(job, "TIMED_OUT")
    wait_gone(pid)
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_retry_of_the_cloud_is_a_new_execution_with_number_2(fresh: Station) -> None:
    fresh.start_online()
    flag = fresh.thing.folder / "flag"
    body = f'echo "number $AWS_IOT_JOB_EXECUTION_NUMBER"; [ -e {flag} ] || {{ touch {flag}; exit 1; }}'
    fresh.handlers.write("second-time.sh", body)
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
    job = fresh.create(own("second-time.sh", includeStdOut=True), jobExecutionsRetryConfig=retry)
    second = fresh.result(job, "SUCCEEDED", number=2)
    first = fresh.result(job, "FAILED", number=1)
    assert (first.stdout, second.stdout) == ("number 1\n", "number 2\n")
    assert fresh.reports(job) == ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "SUCCEEDED"]


def test_a_rejected_document_is_never_retried(fresh: Station) -> None:
    fresh.start_online()
    retry = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 5}]}
    job = fresh.create({"args": []}, jobExecutionsRetryConfig=retry)
    assert fresh.result(job).status == "REJECTED"
    assert fresh.run(operation("true")).status == "SUCCEEDED"
    assert fresh.reports(job) == ["REJECTED"]


def test_another_client_that_updates_the_execution_is_noticed_and_not_overwritten(fresh: Station) -> None:
    """Its version is stale then: the agent asks whether the execution is still its own before it reports."""
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh"))
    handler.pid()
    details = {"by": "somebody else"}
    fresh.cloud.jobs_data.update_job_execution(
        jobId=job, thingName=fresh.thing.name, status="IN_PROGRESS", statusDetails=details
    )
    handler.go_on()
    assert fresh.result(job).status == "SUCCEEDED"
    assert fresh.agent.wait_log("another client updated this execution")
    assert fresh.reports(job) == ["IN_PROGRESS", "SUCCEEDED", "SUCCEEDED"]


def test_an_execution_that_another_client_has_ended_is_left_as_it_is(fresh: Station) -> None:
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh"))
    pid = handler.pid()
    fresh.cloud.jobs_data.update_job_execution(
        jobId=job, thingName=fresh.thing.name, status="FAILED", statusDetails={"by": "somebody else"}
    )
    wait_gone(pid)
    result = fresh.result(job)
    assert (result.status, result.details) == ("FAILED", {"by": "somebody else"})
    assert fresh.run(operation("true")).status == "SUCCEEDED"


def test_a_message_that_is_delivered_twice_starts_one_run(fresh: Station) -> None:
    fresh.start_online()
    runs = fresh.thing.folder / "runs"
    fresh.handlers.write("note.sh", f"echo run >> {runs}")
    fresh.cloud.fault("duplicate", f"*/{fresh.thing.name}/jobs/*", count=0)
    for _ in range(3):
        assert fresh.run(own("note.sh")).status == "SUCCEEDED"
    assert runs.read_text() == "run\n" * 3


def test_late_copies_of_old_messages_start_nothing(fresh: Station) -> None:
    """notify-next is delivered a second later: after the job has long ended."""
    fresh.start_online()
    runs = fresh.thing.folder / "runs"
    fresh.handlers.write("note.sh", f"echo run >> {runs}")
    fresh.cloud.fault("duplicate", f"*/{fresh.thing.name}/jobs/notify-next", seconds=0.7)
    job = fresh.create(own("note.sh"))
    assert fresh.result(job).status == "SUCCEEDED"
    fresh.agent.wait_log(rf"{job} #1 was dealt with: a late message")
    assert fresh.run(operation("true")).status == "SUCCEEDED"
    assert runs.read_text() == "run\n" and fresh.reports(job) == ["IN_PROGRESS", "SUCCEEDED"]


def test_a_notification_that_is_lost_is_made_up_for(fresh: Station) -> None:
    """The next start-next, here after a reconnect, finds the job."""
    fresh.thing.configure(mqtt=QUICK_RECONNECT)
    fresh.start_online()
    fresh.cloud.fault("lose", f"*/{fresh.thing.name}/jobs/notify-next")
    job = fresh.create(operation("true"))
    wait_until(lambda: fresh.cloud.faults() == [], JOB_SECONDS, "the notification to be lost")
    fresh.cloud.kick(fresh.thing)
    assert fresh.result(job).status == "SUCCEEDED"


def test_progress_of_a_long_job_is_shown_now_and_then(station: Station) -> None:
    """Not within the first seconds: a short job costs two updates and no more."""
    result = station.run(steps(run_command("true"), run_command("true"), finalStep=run_command("true")))
    assert station.reports(result.job_id) == ["IN_PROGRESS", "SUCCEEDED"]


@pytest.fixture(scope="module")
def strict_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that takes AWS's pattern for statusDetails at its word: no newline, no tab."""
    with Cloud(details="strict", folder=tmp_path_factory.mktemp("strict")) as running:
        yield running


@pytest.fixture
def strict(strict_cloud: Cloud, target: str, tmp_path: Path) -> Iterator[Station]:
    """A station of that cloud, started."""
    thing = strict_cloud.make_thing(f"strict-{tmp_path.name}", tmp_path / "strict")
    agent = Agent(target, thing)
    station = Station(strict_cloud, thing, lambda *flags, of: agent.start(*flags))
    station.start_online()
    yield station
    agent.finish()


def test_details_that_are_refused_are_sent_again_on_one_line(strict: Station) -> None:
    result = strict.run_script("printf 'a\\tb\\nc\\n'; echo problem >&2; exit 2", includeStdOut=True)
    assert result.status == "FAILED"
    assert result.details == {"reason": "Exited with status: 2", "stdout": "a b c ", "stderr": "problem "}
    assert strict.reports(result.job_id) == ["IN_PROGRESS", "FAILED", "FAILED"]


def test_a_status_whose_details_are_refused_whatever_they_hold_is_sent_without(fresh: Station) -> None:
    """A terminal status is never lost for the sake of its details."""
    fresh.start_online()
    fresh.cloud.fault("invalid-request", f"*/{fresh.thing.name}/jobs/*/update", skip=1, count=2)
    result: Result = fresh.run_script("echo problem >&2; exit 2")
    assert (result.status, set(result.details)) == ("FAILED", {"resume"}), "those of IN_PROGRESS stay"
    assert fresh.reports(result.job_id) == ["IN_PROGRESS", "FAILED", "FAILED", "FAILED"]
    assert "statusDetails" not in fresh.publishes(f"/{result.job_id}/update")[-1].json()


def test_a_stopped_handler_is_ended_too(fresh: Station) -> None:
    """SIGSTOP: it could not act on SIGTERM by itself."""
    fresh.start_online()
    handler = Waiting(fresh)
    job = fresh.create(own("wait.sh"))
    pid = handler.pid()
    os.kill(pid, signal.SIGSTOP)
    fresh.cloud.cancel_execution(job, fresh.thing, force=True)
    wait_gone(pid)
    assert fresh.run(operation("true")).status == "SUCCEEDED"
