# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""The sample job documents: every one is accepted by the agent and fits the handler it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dc.jobs.core import document, parser
from tests.fakes.handler_box import HANDLERS, HandlerBox

FOLDER = Path(__file__).resolve().parents[2] / "sample-job-docs"
DOCS = sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*.json"))
MAX_BYTES = 32768  # AWS's limit for a job document
MANAGED = {
    "AWS-Download-File": "download-file.sh",
    "AWS-Install-Application": "install-packages.sh",
    "AWS-Reboot": "reboot.sh",
    "AWS-Remove-Application": "remove-packages.sh",
    "AWS-Restart-Application": "restart-services.sh",
    "AWS-Run-Command": "echo",
    "AWS-Start-Application": "start-services.sh",
    "AWS-Stop-Application": "stop-services.sh",
}


def parsed(name: str) -> document.Document:
    return parser.parse(json.loads((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", DOCS)
def test_the_agent_accepts_the_document(name: str) -> None:
    assert (FOLDER / name).stat().st_size < MAX_BYTES
    made = parsed(name)
    assert made.steps
    assert (made.version == "") == name.startswith("operation-schema/")


def test_every_sample_handler_has_a_document_of_its_name() -> None:
    for handler in sorted(HANDLERS):
        (action,) = parsed(handler.replace(".sh", ".json")).steps
        assert (action.argv[0], action.path) == (handler, "default")


@pytest.mark.parametrize("name", DOCS)
def test_the_arguments_of_the_document_fit_the_handler(name: str, tmp_path: Path) -> None:
    """A sample handler exits 2 for arguments it can't use. The operation schema passes no user."""
    box = HandlerBox(tmp_path, "dash")
    for faked in ("apt-get", "curl", "dpkg-query", "reboot", "shutdown", "systemctl"):
        box.fake(faked)
    box.fake("sudo", 'shift 4; exec "$@"')
    for action in parsed(name).actions:
        if action.argv[0] not in HANDLERS:
            assert action.argv[0] in ("Foo.py", "echo", "id", "uname")
            continue
        given = [word if not word.startswith("/") else f"{tmp_path}/there" for word in action.argv[1:]]
        called = {"AWS_IOT_JOB_SCHEMA": "operation" if action.operation else "steps"}
        done = box.run(action.argv[0], *([] if action.operation else [action.run_as_user]), *given, **called)
        assert done.returncode != 2, done.stderr


def test_every_managed_template_of_aws_is_there_in_the_shape_that_reaches_the_device() -> None:
    """Parameters left out arrive as empty strings: no path means PATH, no user means the agent's own."""
    found = {}
    for path in (FOLDER / "managed-templates").glob("*.json"):
        (action,) = parsed(f"managed-templates/{path.name}").steps
        assert (action.path, action.run_as_user) == ("", "")
        found[path.stem] = action.argv[0]
    assert found == MANAGED


def test_several_packages_reach_the_managed_template_handler_as_one_argument() -> None:
    (action,) = parsed("managed-templates/AWS-Install-Application.json").steps
    assert action.argv == ("install-packages.sh", "ifupdown wget")


def test_an_escaped_comma_of_a_run_command_stays_in_its_word() -> None:
    (action,) = parsed("run-command.json").steps
    assert action.argv == ("echo", "Hello, world", "one word with blanks")


def test_the_multi_step_document_ends_with_a_final_step() -> None:
    made = parsed("multi-step.json")
    assert len(made.steps) > 1 and made.final_step is not None
    assert [action.ignore_failure for action in made.steps].count(True) == 1


def test_the_operation_schema_samples_show_each_of_its_keys() -> None:
    made = {
        name: parsed(f"operation-schema/{name}.json") for name in ("echo", "foo", "include-std-out", "allow-std-err")
    }
    assert made["echo"].steps[0].argv == ("echo", "Hello world!")
    assert (made["foo"].steps[0].argv, made["foo"].steps[0].path) == (("Foo.py",), "default")
    assert made["include-std-out"].include_std_out
    assert made["allow-std-err"].steps[0].allow_std_err == 2
