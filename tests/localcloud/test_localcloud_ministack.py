# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the local cloud leans on inside MiniStack is listed, is there, and is replaced in the order that is written down."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from localcloud import ministack
from localcloud.cloud import Cloud
from localcloud.device import Device

ROOT = Path(__file__).resolve().parents[2]
FILES = ("localcloud/overlay.py", "localcloud/faults.py")
# Variables that hold an object of MiniStack's, and its class.
OBJECTS = {"session": "_WSSession", "s": "_Subscription", "old": "_Subscription"}
ECHO = {"operation": "echo"}


def _uses() -> dict[str, list[str]]:
    """The names that overlay and faults use, each with where."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in FILES:
        for node in ast.walk(ast.parse((ROOT / file).read_text())):
            if name := _name(node):
                found[name].append(f"{file}:{getattr(node, 'lineno', 0)}")
    return found


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        kind = {"iot": "", **OBJECTS}.get(node.value.id)
        if kind is not None:
            return f"{kind}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "replaces":
        owner, name = node.args
        assert isinstance(name, ast.Constant) and isinstance(name.value, str)
        return f"{ast.unparse(owner)}.{name.value}".removeprefix("iot.")
    return ""


def _pinned() -> str:
    found = re.search(r"^ministack==(\S+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    assert found is not None
    return found[1]


def _in_a_server(code: str) -> Any:
    """What `code` prints as JSON, in a process of its own: MiniStack is imported and patched for good."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _moved(gone: list[str]) -> str:
    """What to say of names that are not there any more."""
    uses = _uses()
    lines = [f"{name}, used in {', '.join(uses.get(name, ['no file']))}" for name in gone]
    return "\n".join([f"not in ministack {version('ministack')}; pinned is {_pinned()}:", *lines])


def test_every_name_of_ministack_that_is_used_is_listed_and_no_other() -> None:
    listed = {*ministack.USED, *ministack.STACK}
    uses = _uses()
    assert {name: uses[name] for name in uses.keys() - listed} == {}, "used, but not listed in localcloud/ministack.py"
    assert listed - uses.keys() == set(), "listed in localcloud/ministack.py, but not used"


def test_the_installed_ministack_has_every_name_that_is_used() -> None:
    code = "import importlib, json; from localcloud import ministack as m; "
    code += "print(json.dumps(m.missing(importlib.import_module(m.MODULE))))"
    gone = _in_a_server(code)
    assert gone == [], _moved(gone)


def test_a_name_that_moved_is_told_with_where_it_is_used_and_the_version_that_has_it() -> None:
    class Renamed:
        """A MiniStack without anything in it."""

    gone = ministack.missing(Renamed)
    assert gone == sorted({*ministack.USED, *ministack.STACK})
    told = _moved(["_jobs_now_ms", "_WSSession._client_id"])
    assert re.search(r"^_jobs_now_ms, used in localcloud/overlay\.py:\d+$", told, re.MULTILINE)
    assert re.search(r"^_WSSession\._client_id, used in localcloud/faults\.py:\d+$", told, re.MULTILINE)
    assert f"pinned is {_pinned()}" in told


def test_the_installed_ministack_is_the_pinned_one() -> None:
    assert version("ministack") == _pinned()


def test_a_server_has_replaced_what_is_written_down_in_that_order() -> None:
    code = """
import json
from localcloud import ministack, overlay, faults
overlay.install(strict=False, minute=60.0)
faults.install(faults.Faults(), faults.Record())
print(json.dumps(ministack.replaced))
"""
    assert _in_a_server(code) == {name: list(by) for name, by in ministack.STACK.items()}


def test_a_replacement_out_of_turn_is_refused_with_the_order_that_is_wanted() -> None:
    code = """
import json
from localcloud import faults
try:
    faults.install(faults.Faults(), faults.Record())
except RuntimeError as error:
    print(json.dumps(str(error)))
"""
    told = _in_a_server(code)
    assert told.startswith("_handle_jobs_publish is replaced by ('faults.request',)")
    assert "('overlay.new_front', 'faults.request')" in told


def test_a_request_that_is_late_still_goes_through_the_rules_of_the_overlay(tmp_path: Path) -> None:
    """With the fault inside the overlay, this would look for a new front before the job was started."""
    with Cloud(folder=tmp_path) as cloud:
        thing = cloud.make_thing("late", tmp_path / "late")
        cloud.create_job("older", ECHO, thing)
        cloud.create_job("newer", ECHO, thing)
        with Device(thing) as device:
            cloud.fault("late", "*/newer/update", seconds=0.3)
            device.ask("newer/update", {"status": "IN_PROGRESS"})
            assert device.next_jobs(1)[-1] == ("newer", 1)


@pytest.mark.parametrize("name", ["_job_executions", "_WSSession._client_id", "_Subscription.client_id"])
def test_a_name_is_found_whether_the_module_a_class_or_only_an_instance_has_it(name: str) -> None:
    class Session:
        def __init__(self) -> None:
            self._client_id = ""

    class Subscription:
        client_id = ""

    class Module:
        _job_executions: dict[str, str] = {}
        _WSSession = Session
        _Subscription = Subscription

    assert name not in ministack.missing(Module)
