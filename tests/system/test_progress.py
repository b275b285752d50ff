# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a handler tells while it runs is seen in the cloud while it runs, and is not in the way of its report."""

from __future__ import annotations

import re
from typing import Any

from localcloud.waiting import wait_until
from tests.fakes.documents import own_handler, run_handler, steps
from tests.system.harness.rig import JOB_SECONDS, Rig

TELLS = """
echo percent=40 >&3
echo "phase=copying $AWS_IOT_JOB_PROGRESS_FD" >&3
echo reason=forged >&3
echo resume=step 9 attempt 1 boot forged >&3
echo "writing block 7"
until [ -e {gate} ]; do sleep 0.05; done
"""


def _told(rig: Rig, job: str) -> dict[str, Any]:
    """The statusDetails of the running execution, once they say something."""

    def look() -> dict[str, Any] | None:
        execution = rig.cloud.describe(job, rig.thing)
        assert execution["status"] in ("QUEUED", "IN_PROGRESS")
        details: dict[str, Any] = execution["statusDetails"]
        return details if "percent" in details else None

    return wait_until(look, JOB_SECONDS, "the handler's progress in the cloud")


def test_what_a_handler_writes_to_descriptor_3_is_shown_while_it_runs(shared_rig: Rig) -> None:
    gate = shared_rig.thing.folder / "gate"
    shared_rig.handlers.write("tells.sh", TELLS.format(gate=gate))
    job = shared_rig.create(own_handler("tells.sh", progress=True, includeStdOut=True))
    told = _told(shared_rig, job)
    assert re.fullmatch(r"step 1 attempt 1 boot [0-9a-f-]{36}", told.pop("resume"))
    assert told == {
        "progress": "step 1 of 1",
        "step": "tells.sh",
        "percent": "40",
        "phase": "copying 3",
        "output": "writing block 7",
    }
    gate.touch()
    ended = shared_rig.result(job)
    assert (ended.status, ended.details) == (
        "SUCCEEDED",
        {"reason": "Exited with status: 0", "stdout": "writing block 7\n"},
    )
    assert shared_rig.reports(job)[-1] == "SUCCEEDED" and shared_rig.reports(job).count("SUCCEEDED") == 1


def test_in_a_document_with_steps_the_progress_names_the_step(shared_rig: Rig) -> None:
    gate = shared_rig.thing.folder / "gate-2"
    shared_rig.handlers.write("quick.sh", "exit 0")
    shared_rig.handlers.write("tells.sh", TELLS.format(gate=gate))
    first, second = run_handler("quick.sh", name="prepare"), run_handler("tells.sh", name="copy", progress=True)
    job = shared_rig.create(steps(first, second))
    told = _told(shared_rig, job)
    assert (told["progress"], told["step"], told["percent"]) == ("step 2 of 2", "copy", "40")
    gate.touch()
    assert shared_rig.result(job).status == "SUCCEEDED"


def test_without_progress_in_the_document_there_is_no_descriptor_3(shared_rig: Rig) -> None:
    script = 'if (echo percent=1 >&3) 2> /dev/null; then echo open; else echo "closed ${AWS_IOT_JOB_PROGRESS_FD:-}"; fi'
    ended = shared_rig.run_script(script, includeStdOut=True)
    assert ended.stdout == "closed \n"
