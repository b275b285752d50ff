# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Paths as people write them in a configuration."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dc.config import paths
from dc.config.problems import ConfigError

ENVIRONMENT = {"HOME": "/home/me", "DIR": "/data", "EMPTY": "", "A_1": "x"}
NOBODY_HAS_THIS_UID = 3_999_999_999


def expanded(text: str, environ: dict[str, str] = ENVIRONMENT, uid: int = 1000) -> str:
    return paths.expand(text, environ, uid, "file.conf: cert")


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("~", "/home/me"),
        ("~/x", "/home/me/x"),
        ("~/.aws-iot-device-client/jobs/", "/home/me/.aws-iot-device-client/jobs"),
        ("$DIR/x", "/data/x"),
        ("${DIR}x", "/datax"),
        ("$HOME/$A_1", "/home/me/x"),
        ("/a$EMPTY/b", "/a/b"),
        ("/price/$5", "/price/$5"),
        ("/end$", "/end$"),
        ("/star/*.pem", "/star/*.pem"),
        ("/a/~/b", "/a/~/b"),
        ("/two words/x", "/two words/x"),
        ("/", "/"),
        ("//", "/"),
    ],
)
def test_tilde_and_variables_are_expanded_and_nothing_else(text: str, full: str) -> None:
    assert expanded(text) == full


def test_what_a_variable_holds_is_not_expanded_again() -> None:
    assert expanded("$V", {"V": "/x/$V~${"}) == "/x/$V~${"


def test_a_relative_path_is_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert expanded("certs/key.pem") == str(tmp_path / "certs/key.pem")


def test_a_relative_path_in_a_folder_that_is_gone_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="working folder is gone"):
        expanded("x")


@pytest.mark.parametrize("text", ["/x/$(reboot)", "/x/`reboot`"])
def test_a_command_in_a_path_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="file.conf: cert: commands in a path are not run"):
        expanded(text)


@pytest.mark.parametrize("text", ["${}", "${DIR", "${1X}", "${DIR-x}", "${DIR:-x}"])
def test_other_shell_syntax_in_braces_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="without a name and a closing brace"):
        expanded(text)


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="uses MISSING, which the environment does not have"):
        expanded("$MISSING/key.pem")


def test_without_home_the_passwd_entry_counts() -> None:
    me = pwd.getpwuid(os.getuid())
    assert expanded("~/x", {}, me.pw_uid) == me.pw_dir.rstrip("/") + "/x"
    assert expanded("~/x", {"HOME": ""}, me.pw_uid) == me.pw_dir.rstrip("/") + "/x"


def test_another_users_home_is_found_in_the_passwd_file() -> None:
    me = pwd.getpwuid(os.getuid())
    assert expanded(f"~{me.pw_name}/x") == me.pw_dir.rstrip("/") + "/x"
    with pytest.raises(ConfigError, match="names a user without an entry"):
        expanded("~nobody-has-this-name/x")


def test_without_home_and_passwd_entry_the_error_says_what_to_set() -> None:
    with pytest.raises(ConfigError) as caught:
        expanded("~/x", {}, NOBODY_HAS_THIS_UID)
    assert f"uid {NOBODY_HAS_THIS_UID} has no passwd entry" in caught.value.message
    assert caught.value.hint == "Set HOME, or give cert a path that starts with /."


def test_root_without_home_and_passwd_entry_lives_in_slash_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_passwd_home", lambda user: "")
    assert expanded("~/x", {}, 0) == "/root/x"


@settings(deadline=None)
@given(st.text(alphabet="ab/.-_*?[]\\\"' é\t:%"))
def test_ordinary_text_after_a_slash_is_kept_letter_for_letter(text: str) -> None:
    assert expanded("/" + text) == (("/" + text).rstrip("/") or "/")


@settings(deadline=None)
@given(st.text())
def test_any_text_gives_an_absolute_path_or_a_config_error(text: str) -> None:
    try:
        assert expanded(text).startswith("/")
    except ConfigError as error:
        assert error.message
