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
from tests.fakes.documents import operation, own_handler, run_command, steps
from tests.system.harness.agent import Agent
from tests.system.harness.processes import Waiting, Watched, wait_gone, wait_pids
from tests.system.harness.rig import JOB_SECONDS, QUICK_RECONNECT, Result, Rig


def test_in_progress_is_accepted_before_the_handler_starts(rig: Rig) -> None:
    """The claim's answer is held back: nothing may run meanwhile. That the cloud says IN_PROGRESS is start-next's doing."""
    rig.start_online()
    handler = Waiting(rig)
    rig.cloud.fault("late", f"*/{rig.thing.name}/jobs/*/update", seconds=1.0)
    job = rig.create(own_handler("wait.sh", includeStdOut=True))
    rig.wait_published(f"/{job}/update")
    assert rig.cloud.describe(job, rig.thing)["versionNumber"] == 2
    assert rig.agent.children() == [] and not handler.pid_file.exists()
    handler.pid()
    found = rig.cloud.describe(job, rig.thing)
    assert (found["status"], found["versionNumber"]) == ("IN_PROGRESS", 3)
    handler.go_on()
    assert rig.result(job).stdout == "went on\n"


def test_every_update_carries_version_execution_number_and_a_token_of_its_own(shared_rig: Rig) -> None:
    result = shared_rig.run(operation("true"))
    claim, report = (p.json() for p in shared_rig.publishes(f"/{result.job_id}/update"))
    assert (claim["status"], claim["expectedVersion"], claim["executionNumber"]) == ("IN_PROGRESS", 2, 1)
    assert (report["status"], report["expectedVersion"], report["executionNumber"]) == ("SUCCEEDED", 3, 1)
    assert claim["clientToken"] != report["clientToken"]
    assert (result.version, result.number) == (4, 1), "the first of the three changes is start-next's"


def test_a_job_whose_claim_finds_it_cancelled_does_not_run(rig: Rig) -> None:
    """Cancelled between the answer to start-next and the claim."""
    rig.start_online()
    trace = rig.thing.folder / "ran"
    rig.cloud.fault("late", f"*/{rig.thing.name}/jobs/*/update", seconds=1.0)
    job = rig.create(operation("touch", str(trace)))
    rig.wait_published(f"/{job}/update")
    rig.cloud.cancel_execution(job, rig.thing, force=True)
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.result(job).status == "CANCELED" and not trace.exists()


def test_jobs_queued_while_the_agent_was_off_run_in_their_order(rig: Rig) -> None:
    log = rig.thing.folder / "order"
    rig.handlers.write("note.sh", f'echo "$1" >> {log}')
    jobs = [rig.create(own_handler("note.sh", str(number))) for number in range(5)]
    rig.start()
    assert [rig.result(job).status for job in jobs] == ["SUCCEEDED"] * 5
    assert log.read_text().split() == ["0", "1", "2", "3", "4"]


def test_jobs_created_while_one_runs_follow_it_one_at_a_time(rig: Rig) -> None:
    rig.start_online()
    handler = Waiting(rig)
    overlap = rig.thing.folder / "overlap"
    rig.handlers.write("alone.sh", f"mkdir {overlap} && sleep 0.1 && rmdir {overlap}")
    first = rig.create(own_handler("wait.sh"))
    handler.pid()
    others = [rig.create(own_handler("alone.sh")) for _ in range(3)]
    assert {rig.cloud.describe(job, rig.thing)["status"] for job in others} == {"QUEUED"}
    handler.go_on()
    assert [rig.result(job).status for job in [first, *others]] == ["SUCCEEDED"] * 4


@pytest.mark.parametrize("how", ["execution", "job"])
def test_a_forced_cancel_ends_the_handler_and_everything_it_started(rig: Rig, how: str) -> None:
    """Its group, and a child that left the group by setsid."""
    rig.thing.configure(jobs={"stop-grace-seconds": 1})
    rig.start_online()
    pids = rig.thing.folder / "pids"
    body = f"sleep 600 & a=$!; setsid sleep 600 & echo $$ $a $! > {pids}.new; mv {pids}.new {pids}; wait"
    rig.handlers.write("family.sh", body)
    job = rig.create(own_handler("family.sh"))
    family = wait_pids(pids)
    assert len(family) == 3 and all(lives(pid) for pid in family)
    if how == "job":
        rig.cloud.cancel_job(job, force=True)
    else:
        rig.cloud.cancel_execution(job, rig.thing, force=True)
    wait_gone(*family)
    assert rig.reports(job)[-1] != "SUCCEEDED"
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.result(job).status == "CANCELED"


def test_a_handler_that_ignores_sigterm_is_killed_after_the_grace(rig: Rig) -> None:
    rig.thing.configure(jobs={"stop-grace-seconds": 0.3})
    rig.start_online()
    handler = Watched(rig, "stubborn.sh", "trap '' TERM; while :; do sleep 0.05; done")
    job = rig.create(own_handler("stubborn.sh"))
    pid = handler.pid()
    rig.cloud.cancel_execution(job, rig.thing, force=True)
    wait_gone(pid)
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_handler_may_tidy_up_when_it_is_cancelled(rig: Rig) -> None:
    rig.start_online()
    tidy = rig.thing.folder / "tidy"
    loop = "while :; do sleep 0.05; done"
    handler = Watched(rig, "tidy.sh", f"trap 'echo done > {tidy}; exit 0' TERM; {loop}")
    job = rig.create(own_handler("tidy.sh"))
    handler.pid()
    rig.cloud.cancel_execution(job, rig.thing, force=True)
    wait_until(tidy.exists, JOB_SECONDS, "the handler's trap to run")
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_deleted_job_ends_its_handler(rig: Rig) -> None:
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh"))
    pid = handler.pid()
    rig.cloud.delete_job(job)
    wait_gone(pid)
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_job_deleted_and_created_again_under_its_name_runs_again(rig: Rig) -> None:
    rig.start_online()
    log = rig.thing.folder / "runs"
    rig.handlers.write("note.sh", f"echo run >> {log}")
    for _ in range(2):
        rig.cloud.create_job("again", own_handler("note.sh"), rig.thing)
        rig.result("again", "SUCCEEDED", timeout=20)
        rig.cloud.delete_job("again")
    assert log.read_text() == "run\nrun\n"


def test_an_execution_whose_time_is_over_in_the_cloud_ends_its_handler(rig: Rig) -> None:
    """inProgressTimeoutInMinutes; a minute lasts two seconds in this cloud."""
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh"), timeoutConfig={"inProgressTimeoutInMinutes": 1})
    pid = handler.pid()
    assert rig.result(job, "TIMED_OUT")
    wait_gone(pid)
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_retry_of_the_cloud_is_a_new_execution_with_number_2(rig: Rig) -> None:
    rig.start_online()
    flag = rig.thing.folder / "flag"
    body = f'echo "number $AWS_IOT_JOB_EXECUTION_NUMBER"; [ -e {flag} ] || {{ touch {flag}; exit 1; }}'
    rig.handlers.write("second-time.sh", body)
    retry = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}
    job = rig.create(own_handler("second-time.sh", includeStdOut=True), jobExecutionsRetryConfig=retry)
    second = rig.result(job, "SUCCEEDED", number=2)
    first = rig.result(job, "FAILED", number=1)
    assert (first.stdout, second.stdout) == ("number 1\n", "number 2\n")
    assert rig.reports(job) == ["IN_PROGRESS", "FAILED", "IN_PROGRESS", "SUCCEEDED"]


def test_a_rejected_document_is_never_retried(rig: Rig) -> None:
    rig.start_online()
    retry = {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 5}]}
    job = rig.create({"args": []}, jobExecutionsRetryConfig=retry)
    assert rig.result(job).status == "REJECTED"
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert rig.reports(job) == ["REJECTED"]


def test_another_client_that_updates_the_execution_is_noticed_and_not_overwritten(rig: Rig) -> None:
    """Its version is stale then: the agent asks whether the execution is still its own before it reports."""
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh"))
    handler.pid()
    details = {"by": "somebody else"}
    rig.cloud.jobs_data.update_job_execution(
        jobId=job, thingName=rig.thing.name, status="IN_PROGRESS", statusDetails=details
    )
    handler.go_on()
    assert rig.result(job).status == "SUCCEEDED"
    assert rig.agent.wait_log("another client updated this execution")
    assert rig.reports(job) == ["IN_PROGRESS", "SUCCEEDED", "SUCCEEDED"]


def test_an_execution_that_another_client_has_ended_is_left_as_it_is(rig: Rig) -> None:
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh"))
    pid = handler.pid()
    rig.cloud.jobs_data.update_job_execution(
        jobId=job, thingName=rig.thing.name, status="FAILED", statusDetails={"by": "somebody else"}
    )
    wait_gone(pid)
    result = rig.result(job)
    assert (result.status, result.details) == ("FAILED", {"by": "somebody else"})
    assert rig.run(operation("true")).status == "SUCCEEDED"


def test_a_message_that_is_delivered_twice_starts_one_run(rig: Rig) -> None:
    rig.start_online()
    runs = rig.thing.folder / "runs"
    rig.handlers.write("note.sh", f"echo run >> {runs}")
    rig.cloud.fault("duplicate", f"*/{rig.thing.name}/jobs/*", count=0)
    for _ in range(3):
        assert rig.run(own_handler("note.sh")).status == "SUCCEEDED"
    assert runs.read_text() == "run\n" * 3


def test_late_copies_of_old_messages_start_nothing(rig: Rig) -> None:
    """notify-next is delivered a second later: after the job has long ended."""
    rig.start_online()
    runs = rig.thing.folder / "runs"
    rig.handlers.write("note.sh", f"echo run >> {runs}")
    rig.cloud.fault("duplicate", f"*/{rig.thing.name}/jobs/notify-next", seconds=0.7)
    job = rig.create(own_handler("note.sh"))
    assert rig.result(job).status == "SUCCEEDED"
    rig.wait_published("/start-next", 3)  # at the start, for the job, and for the late copy
    assert rig.run(operation("true")).status == "SUCCEEDED"
    assert runs.read_text() == "run\n" and rig.reports(job) == ["IN_PROGRESS", "SUCCEEDED"]


def test_a_notification_that_is_lost_is_made_up_for(rig: Rig) -> None:
    """The next start-next, here after a reconnect, finds the job."""
    rig.thing.configure(mqtt=QUICK_RECONNECT)
    rig.start_online()
    rig.cloud.fault("lose", f"*/{rig.thing.name}/jobs/notify-next")
    job = rig.create(operation("true"))
    wait_until(lambda: rig.cloud.faults() == [], JOB_SECONDS, "the notification to be lost")
    rig.cloud.kick(rig.thing)
    assert rig.result(job).status == "SUCCEEDED"


def test_progress_of_a_long_job_is_shown_now_and_then(shared_rig: Rig) -> None:
    """Not within the first seconds: a short job costs two updates and no more."""
    result = shared_rig.run(steps(run_command("true"), run_command("true"), finalStep=run_command("true")))
    assert shared_rig.reports(result.job_id) == ["IN_PROGRESS", "SUCCEEDED"]


@pytest.fixture(scope="module")
def strict_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud that takes AWS's pattern for statusDetails at its word: no newline, no tab."""
    with Cloud(details="strict", folder=tmp_path_factory.mktemp("strict")) as running:
        yield running


@pytest.fixture
def strict(strict_cloud: Cloud, target: str, tmp_path: Path) -> Iterator[Rig]:
    """A rig of that cloud, started."""
    thing = strict_cloud.make_thing(f"strict-{tmp_path.name}", tmp_path / "strict")
    agent = Agent(target, thing)
    rig = Rig(strict_cloud, thing, lambda *flags, of: agent.start(*flags))
    rig.start_online()
    yield rig
    agent.finish()


def test_details_that_are_refused_are_sent_again_on_one_line(strict: Rig) -> None:
    result = strict.run_script("printf 'a\\tb\\nc\\n'; echo problem >&2; exit 2", includeStdOut=True)
    assert result.status == "FAILED"
    assert result.details == {"reason": "Exited with status: 2", "stdout": "a b c ", "stderr": "problem "}
    assert strict.reports(result.job_id) == ["IN_PROGRESS", "FAILED", "FAILED"]


def test_a_status_whose_details_are_refused_whatever_they_hold_is_sent_without(rig: Rig) -> None:
    """A terminal status is never lost for the sake of its details."""
    rig.start_online()
    rig.cloud.fault("invalid-request", f"*/{rig.thing.name}/jobs/*/update", skip=1, count=2)
    result: Result = rig.run_script("echo problem >&2; exit 2")
    assert (result.status, set(result.details)) == ("FAILED", {"resume"}), "those of IN_PROGRESS stay"
    assert rig.reports(result.job_id) == ["IN_PROGRESS", "FAILED", "FAILED", "FAILED"]
    assert "statusDetails" not in rig.publishes(f"/{result.job_id}/update")[-1].json()


def test_a_stopped_handler_is_ended_too(rig: Rig) -> None:
    """SIGSTOP: it could not act on SIGTERM by itself."""
    rig.start_online()
    handler = Waiting(rig)
    job = rig.create(own_handler("wait.sh"))
    pid = handler.pid()
    os.kill(pid, signal.SIGSTOP)
    rig.cloud.cancel_execution(job, rig.thing, force=True)
    wait_gone(pid)
    assert rig.run(operation("true")).status == "SUCCEEDED"
