# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at the files the settings name: are they there, may they be read, who else can read or change them?

Only what endangers the device or can't work is an error: a private key that others can read or write, a
missing or wrong file. Modes looser than the C++ client asks for are warnings. Nothing here changes anything.
"""

from __future__ import annotations

import os
import stat

from dc.config.file import LIMIT, unreadable
from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from dc.config.model import Config
    from dc.config.problems import Problems

KEY_MODE = 0o600
CERT_MODE = 0o644
CA_MODE = 0o644
CONFIG_MODE = 0o640
LOG_MODE = 0o600
HANDLER_DIR_MODE = 0o700
KEY_DIR_MODE = 0o700
OTHER_DIR_MODE = 0o755
_OTHERS_READ_OR_WRITE = 0o066

_KEY_MARKS = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY", b"-----BEGIN EC PRIVATE KEY")
_CERT_MARKS = (b"-----BEGIN CERTIFICATE", b"-----BEGIN TRUSTED CERTIFICATE", b"-----BEGIN X509 CERTIFICATE")
_ENCRYPTED_MARKS = (b"-----BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


def examine(config: Config, uid: int, problems: Problems) -> None:
    """Checks every file and folder of `config` for user `uid`. Changes neither them nor `config`."""
    if config.config_file:
        _mode(config.config_file, CONFIG_MODE, "configuration file", problems)
        _folder_of(config.config_file, OTHER_DIR_MODE, "configuration file", problems)
    problems.attempt(_key, config.key, uid, problems)
    problems.attempt(_public, config.cert, CERT_MODE, "certificate", problems)
    problems.attempt(_public, config.root_ca, CA_MODE, "root CA", problems)
    if config.log_type == "file":
        _log_file(config.log_file, problems)
    if config.sdk_log_enabled:
        _log_file(config.sdk_log_file, problems)
    if config.jobs_enabled and config.handler_directory:
        _handler_directory(config, uid, problems)


def _key(path: str, uid: int, problems: Problems) -> None:
    if not path:
        return  # that it is missing, or what is wrong with its path, has been reported
    what = "private key"
    content, found = _read_pem(path, what)
    mode = stat.S_IMODE(found.st_mode)
    if mode & _OTHERS_READ_OR_WRITE:
        verb = "written" if mode & 0o022 else "read"
        raise ConfigError(
            f"the private key {path} can be {verb} by others: its mode is {mode:o}, wanted {KEY_MODE:o}",
            f"chmod {KEY_MODE:o} {quoted(path)}    (and replace the key if somebody may have seen it)",
        )
    if any(mark in content for mark in _ENCRYPTED_MARKS):
        raise ConfigError(
            f"the private key {path} is encrypted with a passphrase, which the agent can't ask for",
            f"openssl pkey -in {quoted(path)} -out NEW_FILE    writes it without one",
        )
    _require_pem(path, what, content, found, _KEY_MARKS)
    _mode(path, KEY_MODE, what, problems)
    if uid != 0 and found.st_uid != uid:
        problems.warn(
            f"the private key {path} belongs to uid {found.st_uid}, the agent runs as uid {uid}; "
            f"fix: chown {uid} {quoted(path)}"
        )
    _folder_of(path, KEY_DIR_MODE, what, problems)


def _public(path: str, mode: int, what: str, problems: Problems) -> None:
    if not path:
        return
    content, found = _read_pem(path, what)
    _require_pem(path, what, content, found, _CERT_MARKS)
    _mode(path, mode, what, problems)
    _folder_of(path, OTHER_DIR_MODE, what, problems)


def _log_file(path: str, problems: Problems) -> None:
    _mode(path, LOG_MODE, "log file", problems)
    _folder_of(path, OTHER_DIR_MODE, "log file", problems)


def _handler_directory(config: Config, uid: int, problems: Problems) -> None:
    path = config.handler_directory
    refused = "jobs with path default will be refused"
    try:
        found = os.stat(path)
    except OSError as error:
        if config.is_set("jobs.handler-directory"):
            problems.warn(f"handler folder {path}: {error.strerror}; {refused}")
        return
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode):
        problems.warn(f"handler folder {path}: not a folder; {refused}")
    elif mode != HANDLER_DIR_MODE:
        problems.warn(_advice(path, mode, HANDLER_DIR_MODE, f"handler folder ({refused})"))
    elif found.st_uid != uid:
        problems.warn(
            f"handler folder {path} belongs to uid {found.st_uid}, the agent runs as uid {uid}; "
            f"{refused}; fix: chown {uid} {quoted(path)}"
        )


def _mode(path: str, wanted: int, what: str, problems: Problems) -> None:
    """Warns when a file has permission bits beyond `wanted`."""
    mode = _mode_of(path)
    if mode & ~wanted:
        problems.warn(_advice(path, mode, wanted, what))


def _advice(path: str, mode: int, wanted: int, what: str) -> str:
    return f"{what}: {path} has mode {mode:o}, wanted {wanted:o}; fix: chmod {wanted:o} {quoted(path)}"


def _folder_of(path: str, wanted: int, what: str, problems: Problems) -> None:
    """Warns, once for each folder, when the folder of a file has permission bits beyond `wanted`.

    The advice is careful: the folder may be one that others need, such as /etc.
    """
    folder = os.path.dirname(path)
    mode = _mode_of(folder) & 0o777  # a set-group-id or sticky bit gives nobody access
    if mode & ~wanted:
        problems.warn(
            f"folder of the {what}: {folder} has mode {mode:o}, wanted {wanted:o}; "
            f"fix: chmod {wanted:o} {quoted(folder)} if the agent alone uses it, else move the {what}",
            subject=folder,
        )


def _mode_of(path: str) -> int:
    """Permission bits; 0 for what is not there or can't be looked at: whatever needs it reports that."""
    try:
        return stat.S_IMODE(os.stat(path).st_mode)
    except OSError:
        return 0


def _read_pem(path: str, what: str) -> tuple[bytes, os.stat_result]:
    """The first LIMIT bytes of a regular file and its state. Raises ConfigError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ConfigError(f"the {what} {path} is not a regular file", "Correct the path.")
            return os.read(descriptor, LIMIT), found
        finally:
            os.close(descriptor)
    except OSError as error:
        problem = unreadable(path, error)
        raise ConfigError(f"the {what} can't be read: {problem.message}", problem.hint) from None


def _require_pem(path: str, what: str, content: bytes, found: os.stat_result, marks: Sequence[bytes]) -> None:
    """Raises ConfigError unless a mark of the right PEM block is there (or beyond the part that was read)."""
    if found.st_size > LIMIT or any(mark in content for mark in marks):
        return
    begin = content.find(b"-----BEGIN ")
    label = content[begin + 11 : begin + 60].split(b"-----")[0].decode("ascii", "replace")
    seen = "an empty file" if not content else f"a PEM {label}" if begin >= 0 else "something that is not PEM"
    raise ConfigError(f"the {what} {path}: found {seen}, wanted a PEM {what}", "Correct the path or the file.")


def quoted(path: str) -> str:
    """The path as one word for a shell."""
    if path and all(letter.isalnum() or letter in "/._-+,:@%" for letter in path):
        return path
    return "'" + path.replace("'", "'\\''") + "'"
