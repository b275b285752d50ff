# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at the files the settings name: are they there, may they be read, who else can read or change them?

Only what endangers the device or can't work is an error: a private key that others can read or write, a
missing or wrong file. Modes looser than the C++ client asks for are warnings. Nothing here changes any mode.
"""

from __future__ import annotations

import os
import stat

from dc.config.file import LIMIT, unreadable
from dc.config.model import Config, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_MODE = 0o600
CERT_MODE = 0o644
CA_MODE = 0o644
CONFIG_MODE = 0o640
LOG_MODE = 0o600
HANDLER_DIR_MODE = 0o700
KEY_DIR_MODE = 0o700
OTHER_DIR_MODE = 0o755
NEW_LOG_DIR_MODE = 0o745  # what the C++ client insists on, so that going back to it works
_OTHERS_READ_OR_WRITE = 0o066

_KEY_MARKS = (b"-----BEGIN PRIVATE KEY", b"-----BEGIN RSA PRIVATE KEY", b"-----BEGIN EC PRIVATE KEY")
_CERT_MARKS = (b"-----BEGIN CERTIFICATE", b"-----BEGIN TRUSTED CERTIFICATE", b"-----BEGIN X509 CERTIFICATE")
_ENCRYPTED_MARKS = (b"-----BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")


def examine(config: Config, uid: int, warnings: list[str], errors: list[ConfigError], *, prepare: bool) -> None:
    """Checks every file and folder of `config` for user `uid`; adds to `warnings` and `errors`.

    A log file that can't be used turns `config.log_type` to "stdout" (or SDK logging off), a root CA that is
    missing turns `config.root_ca` to "" (the system's store), both as the C++ client does. With `prepare` a
    missing log folder is made.
    """
    _Examiner(config, uid, warnings, errors, prepare).examine()


class _Examiner:
    __slots__ = ("config", "errors", "folders", "prepare", "uid", "warnings")

    def __init__(self, config: Config, uid: int, warnings: list[str], errors: list[ConfigError], prepare: bool) -> None:
        self.config = config
        self.uid = uid
        self.warnings = warnings
        self.errors = errors
        self.prepare = prepare
        self.folders: set[str] = set()  # already told of

    def examine(self) -> None:
        config = self.config
        if config.config_file:
            self._mode(config.config_file, CONFIG_MODE, "configuration file")
            self._folder_of(config.config_file, OTHER_DIR_MODE, "configuration file")
        for rule in (self._key, self._cert, self._root_ca):
            try:
                rule()
            except ConfigError as error:
                self.errors.append(error)
        self._logs()
        if config.jobs_enabled and config.handler_directory:
            self._handler_directory()

    def _key(self) -> None:
        path = self.config.key
        if not path:
            return  # said already, or its path had an error
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
        self._mode(path, KEY_MODE, what)
        if self.uid != 0 and found.st_uid != self.uid:
            self.warnings.append(
                f"the private key {path} belongs to uid {found.st_uid}, the agent runs as uid {self.uid}; "
                f"mend: chown {self.uid} {quoted(path)}"
            )
        self._folder_of(path, KEY_DIR_MODE, what)

    def _cert(self) -> None:
        self._public(self.config.cert, CERT_MODE, "certificate")

    def _root_ca(self) -> None:
        path = self.config.root_ca
        if path and not os.path.lexists(path):
            self.warnings.append(f"root CA {path}: no such file; the system's CA store is used instead")
            self.config.root_ca = ""
            return
        self._public(path, CA_MODE, "root CA")

    def _public(self, path: str, mode: int, what: str) -> None:
        if not path:
            return
        content, found = _read_pem(path, what)
        _require_pem(path, what, content, found, _CERT_MARKS)
        self._mode(path, mode, what)
        self._folder_of(path, OTHER_DIR_MODE, what)

    def _logs(self) -> None:
        config = self.config
        if config.log_type == "file" and not self._log_file(config.log_file, "logging to stdout instead"):
            config.log_type = "stdout"
        if config.sdk_log_enabled and not self._log_file(config.sdk_log_file, "SDK logging is switched off"):
            config.sdk_log_enabled = False

    def _log_file(self, path: str, otherwise: str) -> bool:
        """Whether the log file can be written; a warning ending in `otherwise` when not."""
        problem = self._log_problem(path) if path else "no path"
        if problem:
            self.warnings.append(f"log file {path}: {problem}; {otherwise}")
            return False
        if os.path.lexists(path):
            self._mode(path, LOG_MODE, "log file")
        self._folder_of(path, OTHER_DIR_MODE, "log file")
        return True

    def _log_problem(self, path: str) -> str:
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            if not self.prepare:
                return "" if _can_make(folder) else f"its folder {folder} is missing and can't be made"
            try:
                os.makedirs(folder, NEW_LOG_DIR_MODE)
            except OSError as error:
                return f"its folder {folder} can't be made ({error.strerror})"
        if os.path.lexists(path):
            if not os.path.isfile(path):
                return "not a regular file"
            return "" if os.access(path, os.W_OK) else "may not be written"
        return "" if os.access(folder, os.W_OK | os.X_OK) else f"its folder {folder} may not be written"

    def _handler_directory(self) -> None:
        path = self.config.handler_directory
        refused = "jobs with path default will be refused"
        try:
            found = os.stat(path)
        except OSError as error:
            if self.config.is_set("jobs.handler-directory"):
                self.warnings.append(f"handler folder {path}: {error.strerror}; {refused}")
            return
        mode = stat.S_IMODE(found.st_mode)
        if not stat.S_ISDIR(found.st_mode):
            self.warnings.append(f"handler folder {path}: not a folder; {refused}")
        elif mode != HANDLER_DIR_MODE:
            self._advise(path, mode, HANDLER_DIR_MODE, f"handler folder ({refused})")
        elif found.st_uid != self.uid:
            self.warnings.append(
                f"handler folder {path} belongs to uid {found.st_uid}, the agent runs as uid {self.uid}; "
                f"{refused}; mend: chown {self.uid} {quoted(path)}"
            )

    def _mode(self, path: str, wanted: int, what: str) -> None:
        """Warns when a file has permission bits beyond `wanted`."""
        mode = _mode_of(path)
        if mode & ~wanted:
            self._advise(path, mode, wanted, what)

    def _folder_of(self, path: str, wanted: int, what: str) -> None:
        """Warns, once for each folder, when the folder of a file has permission bits beyond `wanted`.

        The advice is careful: the folder may be one that others need, such as /etc.
        """
        folder = os.path.dirname(path)
        mode = _mode_of(folder) & 0o777  # a set-group-id or sticky bit gives nobody access
        if mode & ~wanted and folder not in self.folders:
            self.folders.add(folder)
            self.warnings.append(
                f"folder of the {what}: {folder} has mode {mode:o}, wanted {wanted:o}; "
                f"mend: chmod {wanted:o} {quoted(folder)} if the agent alone uses it, else move the {what}"
            )

    def _advise(self, path: str, mode: int, wanted: int, what: str) -> None:
        self.warnings.append(
            f"{what}: {path} has mode {mode:o}, wanted {wanted:o}; mend: chmod {wanted:o} {quoted(path)}"
        )


def _mode_of(path: str) -> int:
    """Permission bits; 0 for what can't be looked at: that is told of where it is used."""
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


def _can_make(folder: str) -> bool:
    """Whether the user could make the folder: the nearest one that exists may be written."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


def quoted(path: str) -> str:
    """The path as one word for a shell."""
    if path and all(letter.isalnum() or letter in "/._-+,:@%" for letter in path):
        return path
    return "'" + path.replace("'", "'\\''") + "'"
