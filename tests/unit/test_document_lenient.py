# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What other makers and hurried people write: read where it can be meant in one way only; `runAsUser` is never lost."""

from __future__ import annotations

from typing import Any

import pytest

from dc.jobs.core.document import Document, DocumentError
from dc.jobs.core.parser import parse
from tests.fakes import documents

SPELLINGS = [
    "runAsUser",
    "runasuser",
    "RUNASUSER",
    "RunAsUser",
    "run_as_user",
    "run-as-user",
    "runAsUser ",
    "Run As User",
]


def one_step(kind: str = "runCommand", **action: object) -> dict[str, Any]:
    given: dict[str, object] = {"command": "id,-un"} if kind == "runCommand" else {"handler": "h.sh"}
    return documents.steps(documents.step("n", kind, given, **action))


def put(document: dict[str, Any], place: str, key: str, user: object) -> dict[str, Any]:
    """The document with the user named in one of the places where people write it."""
    step = document["steps"][0]
    {"top": document, "step": step, "action": step["action"], "input": step["action"]["input"]}[place][key] = user
    return document


PLACES = ["top", "step", "action", "input"]


@pytest.mark.parametrize("key", SPELLINGS)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["runCommand", "runHandler"])
def test_the_user_is_honoured_in_any_spelling_and_place(kind: str, place: str, key: str) -> None:
    assert parse(put(one_step(kind), place, key, "nobody")).steps[0].run_as_user == "nobody"


@pytest.mark.parametrize("key", SPELLINGS)
def test_the_user_is_honoured_in_the_operation_schema(key: str) -> None:
    assert parse({"operation": "id", "args": ["-un"], key: "nobody"}).steps[0].run_as_user == "nobody"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [0, 1.5, True, False, [], ["nobody"], {}, {"name": "nobody"}])
def test_a_user_that_is_no_string_is_refused_by_name(place: str, value: object) -> None:
    with pytest.raises(DocumentError, match=r"runasuser: must be a string"):
        parse(put(one_step(), place, "runasuser", value))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", ["", None])
def test_an_empty_user_is_none_and_does_not_hide_another(place: str, value: object) -> None:
    assert parse(put(one_step(), place, "runasuser", value)).steps[0].run_as_user == ""
    for other in PLACES:
        made = parse(put(put(one_step(), place, "RunAsUser", value), other, "runAsUser", "ann"))
        assert made.steps[0].run_as_user == "ann"


def test_the_same_user_twice_is_one_and_two_users_are_refused_naming_both() -> None:
    for first in PLACES:
        for second in PLACES:
            twice = put(put(one_step(), first, "runasuser", "ann"), second, "RUNASUSER", "ann")
            assert parse(twice).steps[0].run_as_user == "ann"
            with pytest.raises(DocumentError) as caught:
                parse(put(put(one_step(), first, "runasuser", "ann"), second, "RUNASUSER", "root"))
            assert {"runasuser", "RUNASUSER"} == {
                word for word in ("runasuser", "RUNASUSER") if word in str(caught.value)
            }


def test_a_user_of_one_step_is_not_the_next_ones_and_one_at_the_top_is_every_ones() -> None:
    document = documents.steps(*(documents.step(name, "runCommand", {"command": "id"}) for name in "ab"))
    document["finalStep"] = documents.step("c", "runCommand", {"command": "id"})
    document["steps"][0]["action"]["RunAsUser"] = "ann"
    assert [action.run_as_user for action in parse(document).actions] == ["ann", "", ""]
    del document["steps"][0]["action"]["RunAsUser"]
    assert [action.run_as_user for action in parse({**document, "runas user": "ann"}).actions] == ["ann"] * 3


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"_meta": {"runAsUser": "ann"}},
        {"defaults": [[{"deep": {"RUNASUSER": "ann"}}]]},
        {"conditions": [{"key": "k", "value": ["v"], "runAsUser": "ann"}]},
        {"finalStepp": {"action": {"run_as_user": "ann"}}},
    ],
)
@pytest.mark.parametrize("schema", ["operation", "steps"])
def test_a_user_where_nothing_runs_is_refused(schema: str, elsewhere: dict[str, object]) -> None:
    base = one_step() if schema == "steps" else documents.operation("id")
    with pytest.raises(DocumentError, match="where nothing runs"):
        parse({**base, **elsewhere})


def shape(document: Document) -> list[tuple[object, ...]]:
    return [(a.name, a.kind, a.argv, a.allow_std_err, a.ignore_failure, a.timeout) for a in document.actions]


def recased(value: Any, turn: Any) -> Any:
    if isinstance(value, dict):
        return {turn(key): recased(item, turn) for key, item in value.items()}
    return [recased(item, turn) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("turn", [str.upper, str.lower, str.title, str.swapcase], ids=lambda turn: turn.__name__)
def test_keys_are_read_in_any_case(turn: Any) -> None:
    """As the C++ client's JSON library does. Ours alone (timeout, progress) are taken only as they are written."""
    for document in (
        {"operation": "echo", "args": ["x"], "allowStdErr": 3, "includeStdOut": True, "path": "/bin"},
        {**one_step("runHandler", allowStdErr=2, ignoreStepFailure=True), "finalStep": one_step()["steps"][0]},
    ):
        made, plain = parse(recased(document, turn)), parse(document)
        assert shape(made) == shape(plain) and made.include_std_out == plain.include_std_out


def test_the_exact_spelling_goes_before_another() -> None:
    assert parse({"Operation": "no", "operation": "echo", "OPERATION": "no"}).steps[0].argv == ("echo",)


@pytest.mark.parametrize(
    ("value", "lines"), [("8", 8), (" 8 ", 8), ("0", 0), (2.0, 2), ("007", 7), (3, 3), ("1" * 18, int("1" * 18))]
)
def test_digits_in_a_string_are_a_number_of_lines(value: object, lines: int) -> None:
    assert parse(documents.operation("echo", allowStdErr=value)).steps[0].allow_std_err == lines
    assert parse(one_step(allowStdErr=value)).steps[0].allow_std_err == lines


def test_an_empty_number_is_as_if_absent() -> None:
    assert parse(documents.operation("echo", allowStdErr="", timeout="")).steps[0].allow_std_err == 0
    made = parse(one_step(allowStdErr="", timeout=""))
    assert (made.steps[0].allow_std_err, made.steps[0].timeout, made.notes) == (None, 0, ())


@pytest.mark.parametrize("value", ["8 lines", "-1", "+1", "1e3", "٣", "²", "9" * 5000, "0x8", [8], {}])
def test_what_is_no_number_of_lines_is_refused(value: object) -> None:
    with pytest.raises(DocumentError, match=r"^\$\.allowStdErr: must be a whole number"):
        parse(documents.operation("echo", allowStdErr=value))


@pytest.mark.parametrize(("value", "seconds"), [("300", 300), (300.0, 300), (" 1 ", 1), ("604800", 604800)])
def test_a_timeout_may_be_digits_in_a_string(value: object, seconds: int) -> None:
    for made in (parse(documents.operation("echo", timeout=value)), parse(one_step(timeout=value))):
        assert (made.steps[0].timeout, made.notes) == (seconds, ())


@pytest.mark.parametrize("value", [{}, {"seconds": 3}, [], 0, -1, 604801, 1.5, "9m", "soon", True, "9" * 5000])
def test_a_timeout_that_does_not_fit_is_ignored_with_a_note(value: object) -> None:
    for made, place in (
        (parse(documents.operation("echo", timeout=value)), "$"),
        (parse(one_step(timeout=value)), "$.steps[0].action"),
    ):
        assert made.steps[0].timeout == 0
        (note,) = made.notes
        assert note.startswith(f"{place}.timeout is ignored: wanted whole seconds from 1 to 604800, found ")
        assert "fix:" in note and len(note) < 200


@pytest.mark.parametrize("value", [{"percent": 1}, [], 1, 0.5, "now"])
def test_a_progress_that_does_not_fit_is_ignored_with_a_note(value: object) -> None:
    for made in (parse(documents.operation("echo", progress=value)), parse(one_step(progress=value))):
        assert not made.steps[0].progress
        assert "progress is ignored: wanted true or false" in made.notes[0]


def test_numbers_and_booleans_in_args_become_their_json_text_with_a_note() -> None:
    made = parse({"operation": "echo", "args": [8, -1, True, False, 1.5, "8"]})
    assert made.steps[0].argv == ("echo", "8", "-1", "true", "false", "1.5", "8")
    assert len(made.notes) == 5
    assert made.notes[2] == '$.args[2] is no string and is passed on as "true"; fix: write "true"'


def test_not_more_than_ten_notes_are_made() -> None:
    assert len(parse({"operation": "echo", "args": [1] * 500}).notes) == 10


@pytest.mark.parametrize("version", ["2.0", "1", "v1.0", 1, 1.0, 2, "9" * 3000])
def test_another_version_is_read_as_1_0_with_a_note(version: object) -> None:
    made = parse({**one_step(), "version": version})
    assert (made.version, made.steps[0].argv) == ("1.0", ("id", "-un"))
    assert made.notes[0].startswith("$.version: ") and len(made.notes[0]) < 200


def test_a_version_that_is_a_number_beside_an_operation_is_passed_over_as_in_the_cpp_client() -> None:
    made = parse({"version": 1, "operation": "echo"})
    assert made.steps[0].operation and "operation schema" in made.notes[0]
