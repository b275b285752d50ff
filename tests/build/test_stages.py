# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Build stages: cached by content, built once, never half done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dc.jobs.run.strays import group_lives
from localcloud.waiting import wait_until
from toolchains.base import ROOT, BuildError, clean_environment
from toolchains.sources import apply_patches
from toolchains.stages import KEPT, Stages, default_cache, hash_files

OWN_FOLDERS = ("tmp", "logs", "locks")


@pytest.fixture
def stages(tmp_path: Path) -> Stages:
    return Stages(tmp_path / "cache", jobs=1)


def test_a_stage_is_built_once_and_then_taken_from_the_cache(stages: Stages) -> None:
    runs: list[Path] = []

    def make(work: Path) -> None:
        runs.append(work)
        (work / "result").write_text("made", encoding="utf-8")

    first = stages.stage("part", ["input"], make)
    second = stages.stage("part", ["input"], make)
    assert first == second
    assert len(runs) == 1
    assert (first / "result").read_text(encoding="utf-8") == "made"


def test_a_changed_file_among_the_inputs_builds_again(stages: Stages, tmp_path: Path) -> None:
    source = tmp_path / "source.c"
    source.write_text("one", encoding="utf-8")
    first = stages.stage("part", [source], lambda work: None)
    source.write_text("two", encoding="utf-8")
    assert stages.stage("part", [source], lambda work: None) != first


def test_a_changed_earlier_stage_builds_the_later_one_again(stages: Stages) -> None:
    one = stages.stage("first", ["a"], lambda work: None)
    other = stages.stage("first", ["b"], lambda work: None)
    assert stages.stage("second", [one], lambda work: None) != stages.stage("second", [other], lambda work: None)


def test_of_every_stage_the_results_used_last_are_kept_and_nothing_else_is_touched(stages: Stages) -> None:
    made = [stages.stage("part", [str(number)], lambda work: None) for number in range(KEPT + 2)]
    for age, folder in enumerate(reversed(made)):
        os.utime(folder, (1e9 - age, 1e9 - age))
    used = stages.stage("part", ["0"], lambda work: None)
    alone = stages.stage("another", ["0"], lambda work: None)
    (stages.cache / "ccache").mkdir()
    stages.prune()
    left = {path.name for path in stages.cache.iterdir()}
    assert left == {used.name, *(path.name for path in made[-KEPT + 1 :]), alone.name, *("ccache", *OWN_FOLDERS)}
    assert list((stages.cache / "tmp").iterdir()) == []


def test_a_build_that_is_interrupted_leaves_nothing_that_looks_finished(stages: Stages) -> None:
    def interrupted(work: Path) -> None:
        (work / "half").write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stages.stage("part", ["input"], interrupted)
    assert not [p for p in stages.cache.iterdir() if p.name.startswith("part-")]

    folder = stages.stage("part", ["input"], lambda work: None)
    assert list(folder.iterdir()) == [], "the half of the interrupted build must not be in the next one"


def test_a_failing_command_is_told_with_its_last_output_and_the_log(stages: Stages) -> None:
    def make(work: Path) -> None:
        stages.run(["/bin/sh", "-c", "echo what went wrong >&2; exit 3"])

    with pytest.raises(BuildError, match="what went wrong") as caught:
        stages.stage("part", ["input"], make)
    assert "ended with 3" in str(caught.value)
    assert str(stages.cache / "logs") in str(caught.value)


def test_a_command_that_is_not_installed_points_to_the_documentation(stages: Stages) -> None:
    with pytest.raises(BuildError, match="docs/building.md"):
        stages.stage("part", ["input"], lambda work: stages.run(["no-such-command-here"]))


ONE = "stages.stage('part', [], lambda work: stages.run(['sh', '-c', 'echo $$ > ' + sys.argv[2] + '/one; sleep 600; true']))"
TWO = """
def work(own, name):
    return own.stage(name, [], lambda work: own.run(['sh', '-c', f'echo $$ > {sys.argv[2]}/{name}; sleep 600; true']))
stages.each(['one', 'two'], work, print)
"""


@pytest.mark.parametrize(("commands", "names"), [(ONE, ["one"]), (TWO, ["one", "two"])], ids=["one", "two at once"])
def test_an_interrupted_command_takes_its_children_with_it(tmp_path: Path, commands: str, names: list[str]) -> None:
    program = (
        "import signal, sys; from pathlib import Path; from toolchains.stages import Stages\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        f"stages = Stages(Path(sys.argv[1]), jobs=2)\n{commands}\n"
    )
    pids = [tmp_path / name for name in names]
    running = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "cache", tmp_path], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: all(file.exists() and file.read_text(encoding="ascii").strip() for file in pids), 30, "pids")
        groups = [int(file.read_text(encoding="ascii")) for file in pids]
    finally:
        running.terminate()
    assert running.wait(timeout=30) == 143
    # Zombies that nobody reaps yet do not count.
    wait_until(lambda: not any(group_lives(group) for group in groups), 30, "the end of each group")


def test_when_one_of_several_fails_the_others_are_ended_and_the_reason_is_told(stages: Stages) -> None:
    stages.jobs = 2

    def work(own: Stages, script: str) -> Path:
        return own.stage(script.split()[0], [], lambda _: own.run(["sh", "-c", script]))

    with pytest.raises(BuildError, match="what went wrong"):
        stages.each(["sleep 600; true", "echo what went wrong; exit 3"], work, lambda script, folder: None)
    assert not [p for p in stages.cache.iterdir() if p.name not in OWN_FOLDERS]


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


def test_a_patch_that_no_longer_fits_its_source_ends_the_build(stages: Stages) -> None:
    def make(work: Path) -> None:
        (work / "build.rs").write_text("fn main() {}\n", encoding="utf-8")
        apply_patches(stages, "orjson", work)

    with pytest.raises(BuildError, match="patch"):
        stages.stage("part", ["input"], make)
