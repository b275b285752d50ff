# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Build stages: cached by content, built once, never half done."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dc.jobs.run.strays import group_lives
from toolchains.stage import (
    KEPT,
    ROOT,
    Builder,
    BuildError,
    apply_patches,
    clean_environment,
    default_cache,
    hash_files,
)

OWN_FOLDERS = ("tmp", "logs", "locks")


@pytest.fixture
def builder(tmp_path: Path) -> Builder:
    return Builder(tmp_path / "cache", jobs=1)


def test_a_stage_is_built_once_and_then_taken_from_the_cache(builder: Builder) -> None:
    runs: list[Path] = []

    def build(work: Path) -> None:
        runs.append(work)
        (work / "result").write_text("made", encoding="utf-8")

    first = builder.stage("part", ["input"], build)
    second = builder.stage("part", ["input"], build)
    assert first == second
    assert len(runs) == 1
    assert (first / "result").read_text(encoding="utf-8") == "made"


def test_a_changed_file_among_the_inputs_builds_again(builder: Builder, tmp_path: Path) -> None:
    source = tmp_path / "source.c"
    source.write_text("one", encoding="utf-8")
    first = builder.stage("part", [source], lambda work: None)
    source.write_text("two", encoding="utf-8")
    assert builder.stage("part", [source], lambda work: None) != first


def test_a_changed_earlier_stage_builds_the_later_one_again(builder: Builder) -> None:
    one = builder.stage("first", ["a"], lambda work: None)
    other = builder.stage("first", ["b"], lambda work: None)
    assert builder.stage("second", [one], lambda work: None) != builder.stage("second", [other], lambda work: None)


def test_of_every_stage_the_results_used_last_are_kept_and_nothing_else_is_touched(builder: Builder) -> None:
    made = [builder.stage("part", [str(number)], lambda work: None) for number in range(KEPT + 2)]
    for age, folder in enumerate(reversed(made)):
        os.utime(folder, (1e9 - age, 1e9 - age))
    used = builder.stage("part", ["0"], lambda work: None)
    alone = builder.stage("another", ["0"], lambda work: None)
    (builder.cache / "ccache").mkdir()
    builder.prune()
    left = {path.name for path in builder.cache.iterdir()}
    assert left == {used.name, *(path.name for path in made[-KEPT + 1 :]), alone.name, *("ccache", *OWN_FOLDERS)}
    assert list((builder.cache / "tmp").iterdir()) == []


def test_a_build_that_is_interrupted_leaves_nothing_that_looks_finished(builder: Builder) -> None:
    def interrupted(work: Path) -> None:
        (work / "half").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        builder.stage("part", ["input"], interrupted)
    assert not [p for p in builder.cache.iterdir() if p.name.startswith("part-")]

    folder = builder.stage("part", ["input"], lambda work: None)
    assert list(folder.iterdir()) == [], "the half of the interrupted build must not be in the next one"


def test_a_failing_command_is_told_with_its_last_output_and_the_log(builder: Builder) -> None:
    def build(work: Path) -> None:
        builder.run(["/bin/sh", "-c", "echo what went wrong >&2; exit 3"])

    with pytest.raises(BuildError, match="what went wrong") as caught:
        builder.stage("part", ["input"], build)
    assert "ended with 3" in str(caught.value)
    assert str(builder.cache / "logs") in str(caught.value)


def test_a_command_that_is_not_installed_points_to_the_documentation(builder: Builder) -> None:
    with pytest.raises(BuildError, match="docs/building.md"):
        builder.stage("part", ["input"], lambda work: builder.run(["no-such-command-here"]))


ONE = "builder.stage('part', [], lambda work: builder.run(['sh', '-c', 'echo $$ > ' + sys.argv[2] + '/one; sleep 600; true']))"
TWO = """
def work(own, name):
    return own.stage(name, [], lambda work: own.run(['sh', '-c', f'echo $$ > {sys.argv[2]}/{name}; sleep 600; true']))
builder.each(['one', 'two'], work, print)
"""


@pytest.mark.parametrize(("commands", "names"), [(ONE, ["one"]), (TWO, ["one", "two"])], ids=["one", "two at once"])
def test_an_interrupted_command_takes_its_children_with_it(tmp_path: Path, commands: str, names: list[str]) -> None:
    program = (
        "import signal, sys; from pathlib import Path; from toolchains.stage import Builder\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"builder = Builder(Path(sys.argv[1]), jobs=2)\n{commands}\n"
    )
    pids = [tmp_path / name for name in names]
    build = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "cache", tmp_path], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: all(file.exists() and file.read_text(encoding="ascii").strip() for file in pids))
        groups = [int(file.read_text(encoding="ascii")) for file in pids]
    finally:
        build.terminate()
    assert build.wait(timeout=30) == 143
    until(lambda: not any(group_lives(group) for group in groups))  # zombies that nobody reaps yet do not count


def test_when_one_of_several_fails_the_others_are_ended_and_the_reason_is_told(builder: Builder) -> None:
    builder.jobs = 2

    def work(own: Builder, script: str) -> Path:
        return own.stage(script.split()[0], [], lambda _: own.run(["sh", "-c", script]))

    with pytest.raises(BuildError, match="what went wrong"):
        builder.each(["sleep 600; true", "echo what went wrong; exit 3"], work, lambda script, folder: None)
    assert not [p for p in builder.cache.iterdir() if p.name not in OWN_FOLDERS]


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait for a condition, at most so long."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_the_callers_compiler_flags_and_locale_do_not_reach_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFLAGS", "-O0")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    environment = clean_environment()
    assert "CFLAGS" not in environment
    assert environment["LC_ALL"] == "C.UTF-8"


def test_the_cache_is_outside_the_clone_and_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DC_BUILD_CACHE", str(tmp_path / "elsewhere"))
    assert default_cache() == tmp_path / "elsewhere"
    monkeypatch.delenv("DC_BUILD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache() == tmp_path / "xdg/aws-iot-device-client-build"


def test_the_hash_of_a_folder_tells_renamed_and_changed_files(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("text", encoding="utf-8")
    before = hash_files([folder])
    (folder / "a").rename(folder / "b")
    renamed = hash_files([folder])
    (folder / "b").write_text("other", encoding="utf-8")
    assert len({before, renamed, hash_files([folder])}) == 3


def test_a_patch_that_no_longer_fits_its_source_ends_the_build(builder: Builder) -> None:
    def build(work: Path) -> None:
        (work / "build.rs").write_text("fn main() {}\n", encoding="utf-8")
        apply_patches(builder, "orjson", work)

    with pytest.raises(BuildError, match="patch"):
        builder.stage("part", ["input"], build)
