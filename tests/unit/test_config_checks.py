# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Modes, owners and contents of the files that the settings name."""

from __future__ import annotations

import contextlib
import os
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dc.config import checks, load
from dc.config.model import SETTINGS, Config
from dc.config.prepare import make_folders
from dc.config.problems import ConfigError, Problems

KEY = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n"
CERT = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ORDINARY_UID = 65534


class Device:
    """A certificate folder with everything as it should be, and the configuration that names it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o755)
        self.certs = folder / "certs"
        self.certs.mkdir()
        self.certs.chmod(0o700)
        self.key = self.file(self.certs / "key.pem", KEY, 0o600)
        self.cert = self.file(self.certs / "cert.pem", CERT, 0o644)
        self.ca = self.file(self.certs / "ca.pem", CERT, 0o644)
        self.conf = self.file(folder / "dc.conf", "{}", 0o640)
        self.jobs = folder / "jobs"
        self.jobs.mkdir()
        self.jobs.chmod(0o700)
        config = Config({s.name: s.default for s in SETTINGS}, {s.name: "default" for s in SETTINGS})
        config.key, config.cert, config.root_ca = str(self.key), str(self.cert), str(self.ca)
        config.handler_directory = str(self.jobs)
        self.config = config
        self.problems = Problems()

    def file(self, path: Path, text: str, mode: int) -> Path:
        path.write_text(text)
        path.chmod(mode)
        return path

    def examine(self, *, uid: int | None = None) -> Device:
        self.problems = Problems()
        checks.examine(self.config, os.geteuid() if uid is None else uid, self.problems)
        return self

    def load(self, changes: dict[str, object], *, prepare: bool = False) -> Device:
        """As the program does at its start: load the settings, check them, and with `prepare` make what is missing."""
        given: dict[str, object] = {"endpoint": "h", "thing-name": "t", "--config-file": str(self.conf)}
        given |= {"cert": str(self.cert), "key": str(self.key), "root-ca": str(self.ca)}
        given |= {"jobs.handler-directory": str(self.jobs)} | changes
        self.problems = Problems()
        self.config = load.load(given, {"HOME": str(self.folder)}, os.geteuid(), self.problems)
        checks.examine(self.config, os.geteuid(), self.problems)
        if prepare:
            make_folders(self.config, self.problems)
        return self

    @property
    def errors(self) -> list[ConfigError]:
        return self.problems.errors

    @property
    def warnings(self) -> list[str]:
        return self.problems.warnings

    @property
    def error(self) -> ConfigError:
        (error,) = self.errors
        return error

    @property
    def warning(self) -> str:
        (warning,) = self.warnings
        return warning


@pytest.fixture
def device() -> Iterator[Device]:
    """Not in pytest's own folder: another user could not enter that."""
    with tempfile.TemporaryDirectory() as folder:
        yield Device(Path(folder))


@contextlib.contextmanager
def ordinary_user() -> Iterator[int]:
    """Runs the block as a user whom modes bind; its uid."""
    me = os.geteuid()
    if me:
        yield me
        return
    os.setresuid(ORDINARY_UID, ORDINARY_UID, 0)
    try:
        yield ORDINARY_UID
    finally:
        os.setresuid(0, 0, 0)


def test_a_device_as_it_should_be_has_nothing_to_tell(device: Device) -> None:
    device.examine()
    assert (device.errors, device.warnings) == ([], [])


@pytest.mark.parametrize("mode", [0o400, 0o600])
def test_a_key_only_its_owner_can_read_is_fine(device: Device, mode: int) -> None:
    device.key.chmod(mode)
    device.examine()
    assert (device.errors, device.warnings) == ([], [])


@pytest.mark.parametrize(
    ("mode", "verb"), [(0o640, "read"), (0o604, "read"), (0o644, "read"), (0o620, "written"), (0o602, "written")]
)
def test_a_key_that_others_can_read_or_write_is_fatal_with_the_command_that_fixes_it(
    device: Device, mode: int, verb: str
) -> None:
    device.key.chmod(mode)
    error = device.examine().error
    assert error.message == (f"the private key {device.key} can be {verb} by others: its mode is {mode:o}, wanted 600")
    assert error.hint.startswith(f"chmod 600 {device.key}")


@pytest.mark.parametrize("mode", [0o700, 0o611])
def test_a_key_with_execute_bits_is_a_warning(device: Device, mode: int) -> None:
    device.key.chmod(mode)
    device.examine()
    assert device.errors == []
    assert device.warning == (f"private key: {device.key} has mode {mode:o}, wanted 600; fix: chmod 600 {device.key}")


@pytest.mark.parametrize("name", ["cert", "ca"])
def test_a_certificate_that_others_can_write_is_a_warning(device: Device, name: str) -> None:
    path: Path = getattr(device, name)
    path.chmod(0o666)
    device.examine()
    assert device.errors == []
    assert f"{path} has mode 666, wanted 644; fix: chmod 644 {path}" in device.warning


def test_the_keys_folder_is_wanted_closed_and_reported_once(device: Device) -> None:
    device.certs.chmod(0o777)
    device.examine()
    assert device.errors == []
    assert device.warning == (
        f"folder of the private key: {device.certs} has mode 777, wanted 700; "
        f"fix: chmod 700 {device.certs} if the agent alone uses it, else move the private key"
    )


def test_a_readable_folder_of_certificates_without_the_key_is_fine(device: Device) -> None:
    public = device.folder / "public"
    public.mkdir()
    public.chmod(0o2755)
    device.config.cert = str(device.file(public / "cert.pem", CERT, 0o644))
    assert device.examine().warnings == []
    public.chmod(0o775)
    assert "has mode 775, wanted 755" in device.examine().warning


def test_a_key_of_another_user_is_a_warning_unless_the_agent_is_root(device: Device) -> None:
    owner = device.key.stat().st_uid
    line = f"belongs to uid {owner}, the agent runs as uid {owner + 1}; fix: chown {owner + 1} {device.key}"
    assert line in "\n".join(device.examine(uid=owner + 1).warnings)
    assert not any("private key" in warning for warning in device.examine(uid=0).warnings)


@pytest.mark.parametrize(("name", "what"), [("key", "private key"), ("cert", "certificate"), ("ca", "root CA")])
def test_a_missing_key_certificate_or_root_ca_is_fatal(device: Device, name: str, what: str) -> None:
    """The C++ client goes on with the system's CAs: whoever removes a file would widen whom the board trusts."""
    path: Path = getattr(device, name)
    path.unlink()
    error = device.examine().error
    assert error.message == f"the {what} can't be read: {path}: no such file"
    assert error.hint == "Create it, or correct the path."


@pytest.mark.parametrize("name", ["key", "cert", "ca"])
def test_an_unreadable_file_is_fatal_and_names_the_user(device: Device, name: str) -> None:
    path: Path = getattr(device, name)
    for other in (device.certs, device.key, device.cert, device.ca):
        os.chown(other, ORDINARY_UID if os.geteuid() == 0 else -1, -1)
    path.chmod(0)
    with ordinary_user() as uid:
        device.examine(uid=uid)
    assert device.error.message.endswith(f"can't be read: {path}: may not be read")
    assert f"uid {uid}" in device.error.hint


@pytest.mark.parametrize("name", ["key", "cert", "root_ca"])
def test_a_folder_or_a_pipe_in_place_of_a_file_is_fatal(device: Device, name: str) -> None:
    setattr(device.config, name, str(device.certs))
    assert "is not a regular file" in device.examine().error.message
    os.mkfifo(device.folder / "pipe")
    setattr(device.config, name, str(device.folder / "pipe"))
    assert "is not a regular file" in device.examine().error.message


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("key", CERT, "a PEM CERTIFICATE, wanted a PEM private key"),
        ("cert", KEY, "a PEM RSA PRIVATE KEY, wanted a PEM certificate"),
        ("ca", KEY, "a PEM RSA PRIVATE KEY, wanted a PEM root CA"),
        ("cert", "", "an empty file, wanted a PEM certificate"),
        ("key", "\x30\x82", "something that is not PEM, wanted a PEM private key"),
        ("cert", "-----BEGIN ", "a PEM , wanted a PEM certificate"),
    ],
)
def test_a_file_with_the_wrong_content_says_what_it_holds(device: Device, name: str, content: str, found: str) -> None:
    path: Path = getattr(device, name)
    device.file(path, content, 0o600)
    assert device.examine().error.message.endswith(f"{path}: found {found}")


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"])
def test_every_kind_of_pem_key_is_taken(device: Device, label: str) -> None:
    device.file(device.key, f"-----BEGIN EC PARAMETERS-----\nB\n-----BEGIN {label}-----\nA\n", 0o600)
    assert device.examine().errors == []


@pytest.mark.parametrize(
    "content",
    ["-----BEGIN ENCRYPTED PRIVATE KEY-----\nA\n", "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"],
)
def test_an_encrypted_key_is_fatal_with_the_command_that_fixes_it(device: Device, content: str) -> None:
    device.file(device.key, content, 0o600)
    error = device.examine().error
    assert "is encrypted with a passphrase" in error.message
    assert error.hint.startswith(f"openssl pkey -in {device.key}")


def test_a_bundle_whose_first_certificate_is_beyond_what_is_read_is_taken(device: Device) -> None:
    device.file(device.ca, "# comment\n" * 10_000 + CERT, 0o644)
    assert device.examine().errors == []


def test_every_file_is_judged_even_when_one_is_bad(device: Device) -> None:
    device.key.chmod(0o644)
    device.cert.unlink()
    assert len(device.examine().errors) == 2


def test_a_loose_configuration_file_is_a_warning(device: Device) -> None:
    path = device.file(device.folder / "dc.conf", "{}", 0o644)
    device.config.config_file = str(path)
    assert device.examine().warning == (f"configuration file: {path} has mode 644, wanted 640; fix: chmod 640 {path}")


def test_a_loose_handler_folder_is_told_with_its_consequence(device: Device) -> None:
    device.jobs.chmod(0o755)
    line = device.examine().warning
    assert "jobs with path default will be refused" in line
    assert f"has mode 755, wanted 700; fix: chmod 700 {device.jobs}" in line


def test_a_handler_folder_of_another_user_or_that_is_a_file_is_told(device: Device) -> None:
    owner = device.jobs.stat().st_uid
    lines = device.examine(uid=owner + 1).warnings
    assert any("handler folder" in line and f"fix: chown {owner + 1}" in line for line in lines)
    device.config.handler_directory = str(device.cert)
    assert "not a folder" in device.examine().warning


def test_a_missing_handler_folder_is_told_only_when_it_was_asked_for(device: Device) -> None:
    device.jobs.rmdir()
    assert device.examine().warnings == []
    device.config.origins["jobs.handler-directory"] = "flag --jobs-handler-dir"
    assert "No such file or directory; jobs with path default will be refused" in device.examine().warning


def test_no_handler_folder_is_looked_at_while_jobs_are_off(device: Device) -> None:
    device.jobs.chmod(0o755)
    device.config.jobs_enabled = False
    assert device.examine().warnings == []


def test_a_missing_log_folder_is_made_only_when_the_agent_starts(device: Device) -> None:
    folder = device.folder / "log" / "agent"
    file: dict[str, object] = {"logging.type": "file", "logging.file": str(folder / "a.log")}
    assert device.load(file).warnings == []
    assert not folder.exists()
    assert device.load(file, prepare=True).warnings == []
    assert folder.stat().st_mode & 0o777 == 0o745 & ~_umask()
    assert device.config.log_type == "file"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("prepare", [False, True])
def test_a_log_file_that_cannot_be_written_falls_back_to_stdout_with_a_warning(device: Device, prepare: bool) -> None:
    device.load({"logging.type": "file", "logging.file": str(device.cert / "sub" / "a.log")}, prepare=prepare)
    assert (device.errors, device.config.log_type) == ([], "stdout")
    assert device.warning.endswith("; logging to stdout instead")


def test_a_log_folder_that_may_not_be_written_falls_back_to_stdout(device: Device) -> None:
    closed = device.folder / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    with ordinary_user():
        device.load({"logging.type": "file", "logging.file": str(closed / "a.log")}, prepare=True)
    assert device.config.log_type == "stdout"
    assert any(f"its folder {closed} may not be written" in line for line in device.warnings)


def test_a_folder_in_place_of_the_log_file_falls_back_to_stdout(device: Device) -> None:
    device.load({"logging.type": "file", "logging.file": str(device.jobs)})
    assert "not a regular file" in device.warning


def test_a_readable_log_file_is_a_warning(device: Device) -> None:
    path = device.file(device.jobs / "a.log", "", 0o644)
    device.config.log_type, device.config.log_file = "file", str(path)
    assert device.examine().warning == f"log file: {path} has mode 644, wanted 600; fix: chmod 600 {path}"
    assert device.config.log_type == "file"


def test_an_sdk_log_that_cannot_be_written_is_switched_off_with_a_warning(device: Device) -> None:
    device.load({"logging.enable-sdk-logging": True, "logging.sdk-log-file": str(device.cert / "sdk.log")})
    assert (device.errors, device.config.sdk_log_enabled) == ([], False)
    assert device.warning.endswith("; SDK logging is switched off")


def test_nothing_is_changed_by_looking(device: Device) -> None:
    paths = (device.certs, device.key, device.cert, device.ca, device.jobs)
    for path in paths:
        path.chmod(0o777)
    before = {name: getattr(device.config, name) for name in Config.__slots__}
    device.examine()
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o777}
    assert {name: getattr(device.config, name) for name in Config.__slots__} == before


def test_a_log_folder_that_can_not_be_made_after_all_is_a_warning(device: Device) -> None:
    """It could have been made a moment ago, when the settings were loaded."""
    device.load({"logging.type": "file", "logging.file": str(device.folder / "log" / "a.log")})
    device.file(device.folder / "log", "", 0o644)
    make_folders(device.config, device.problems)
    assert device.warning.endswith(f"its folder {device.folder / 'log'} can't be made (File exists)")


def test_the_folder_of_an_sdk_log_is_made_as_well(device: Device) -> None:
    path = device.folder / "sdk" / "sdk.log"
    device.load({"logging.enable-sdk-logging": True, "logging.sdk-log-file": str(path)}, prepare=True)
    assert (device.warnings, path.parent.is_dir(), device.config.sdk_log_enabled) == ([], True, True)


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_a_quoted_path_is_one_word_of_a_shell(path: str) -> None:
    assert shlex.split(checks.quoted(path)) == [path]
