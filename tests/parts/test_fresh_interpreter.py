# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What an interpreter of its own has loaded after an import, and that the stand-ins leave no trace in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dc

FOLDER = Path(dc.__file__).parent
PURE = tuple(sorted(path.stem for path in (FOLDER / "jobs/core").glob("*.py") if path.stem != "__init__"))
# Loaded by the interpreter itself before any import of ours: not to be blamed on the modules.
PROBE = "import sys, __future__; before = set(sys.modules); import {module}; print(' '.join(sorted(set(sys.modules) - before)))"
ORJSON = {"orjson", "orjson.orjson", "_datetime"}


def in_fresh_process(code: str) -> str:
    """Standard output of `code`, run where no site-packages hook has loaded anything."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    start = f"import sys; sys.path[:0] = {[str(FOLDER.parent), *packages]!r}\n"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PURE)
def test_what_a_pure_module_loads(name: str) -> None:
    loaded = set(in_fresh_process(PROBE.format(module=f"dc.jobs.core.{name}")).split())
    extra = ORJSON | {"dc.jsonlib"} if name == "messages" else set()
    assert (
        loaded
        <= {"dc", "dc.backoff", "dc.mask", "dc.jobs", "dc.jobs.core", *(f"dc.jobs.core.{other}" for other in PURE)}
        | extra
    )


def test_orjson_is_imported_with_stand_ins_that_leave_no_trace() -> None:
    """The 4 MB of standard library that its start-up asks for stay out, and a later import gets the real ones."""
    code = """
import dc.jsonlib as j
print(sorted(set(sys.modules) & {"uuid", "enum", "dataclasses", "json", "datetime", "inspect", "re"}))
try:
    j.loads(b"{")
except j.JSONDecodeError as error:
    print(isinstance(error, ValueError), type(error.args[0]).__name__)
print(j.loads(j.dumps({"a": [1, 0.5, None, True, "\\u2713"]})))
import json, enum, dataclasses, uuid
print(json.loads("[1]"), uuid.UUID(int=1).int, enum.Enum.__name__, dataclasses._FIELD is not None)
"""
    assert in_fresh_process(code).splitlines() == [
        "[]",
        "True str",
        "{'a': [1, 0.5, None, True, '✓']}",
        "[1] 1 Enum True",
    ]


def test_a_bad_message_is_a_message_error_with_the_stand_ins_as_well() -> None:
    code = """
from dc.jobs.core import messages
for payload in (b"{", b"[" * 2000, b"\\xff", b"nul"):
    try:
        messages.decode("t", "$aws/things/t/jobs/notify-next", payload)
    except messages.MessageError as error:
        print(str(error).split(":")[0])
offer = messages.decode("t", "$aws/things/t/jobs/notify-next", b'{"execution":{"jobId":"j","jobDocument":"{"}}')
print(repr(offer.document))
"""
    assert in_fresh_process(code).splitlines() == ["payload is not JSON"] * 4 + ["'{'"]


def test_these_tests_see_an_impure_module() -> None:
    assert "os" in in_fresh_process(PROBE.format(module="dc.jobs.run.process")).split()
