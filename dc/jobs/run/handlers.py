# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""From an action of a job document to a program, its arguments and its environment. No shell anywhere.

Where a handler is looked for (C++ client's Jobs README, "Creating a Job"): `path` "default" is the handler directory,
another path is that directory, no path is the PATH of the agent, followed by the handler directory and its parent as in
the C++ client.

A handler in the handler directory runs only if nobody but the agent's user (or root) could have put it there:
directory and file have mode exactly 700 (C++ client's Jobs README) and belong to the agent's user, the file is a regular
file and lies directly inside, and no directory above can be renamed by others. With that, the check can't be raced:
between check and exec only that same user could change anything.
"""

from __future__ import annotations

import os
import stat

from dc.jobs.core.document import DEFAULT_PATH, RUN_COMMAND
from dc.jobs.core.outcome import HandlerError
from dc.jobs.run.command import PROGRESS_FD, Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dc.jobs.core.document import Action

_MAX_LINKS = 40  # as many as the kernel follows
FALLBACK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INHERITED = ("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR")
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")  # in both cases
# AWS_IOT_JOB_SCHEMA: a handler's arguments begin at $1, or behind the user.
SCHEMA, WITHOUT_USER, WITH_USER = "AWS_IOT_JOB_SCHEMA", "operation", "steps"


class Handlers:
    """Finds handlers and commands. `directory`: the handler directory; `environ`: the agent's own environment.

    `passed`: names of further variables to pass on; `passes_user`: an empty user goes first in the operation schema too.
    """

    def __init__(
        self, directory: str, environ: Mapping[str, str], passed: Sequence[object] = (), passes_user: bool = False
    ) -> None:
        self._passed = passed
        self._passes_user = passes_user
        self.directory = os.path.abspath(directory)
        self._environ = environ
        given = (environ.get("PATH") or FALLBACK_PATH).split(":")
        # An ordinary user's PATH often lacks the folders of `service` or `reboot`, which handlers call through sudo.
        system = [folder for folder in ("/usr/local/sbin", "/usr/sbin", "/sbin") if folder not in given]
        self.left_out: list[str] = []  # why what folder is not searched
        search = [folder for folder in (*given, os.path.dirname(self.directory)) if self._is_searched(folder)]
        self.search_path = ":".join([*search, self.directory, *system])

    def _is_searched(self, folder: str) -> bool:
        if not folder.startswith("/"):  # POSIX reads an empty entry as the working directory
            self.left_out.append(f'"{folder}": no absolute path; fix: write it in full')
            return False
        found = _replaceable(folder)
        if found:
            self.left_out.append(f"{folder}: {found}")
        return not found

    def command(self, action: Action, job: Mapping[str, str]) -> Command:
        """`job`: the AWS_IOT_... variables of this step. Raises `HandlerError`."""
        env = self._environment(job)
        env[SCHEMA] = WITHOUT_USER if action.operation and not self._passes_user else WITH_USER
        if action.progress:
            env["AWS_IOT_JOB_PROGRESS_FD"] = str(PROGRESS_FD)
        program, argv = self._words(action)
        return Command(program, argv, env, action.progress)

    def _words(self, action: Action) -> tuple[str, tuple[str, ...]]:
        if action.kind == RUN_COMMAND:
            program, argv = self._search(action.argv[0]), action.argv
        else:
            program = self._handler(action.argv[0], action.path)
            if not action.operation:  # the handler is told the user, and decides
                return program, (program, action.run_as_user, *action.argv[1:])
            # C++ client's Jobs README: the handler's arguments are those of the document; its code puts a user first.
            argv = (program, *([""] if self._passes_user else []), *action.argv[1:])
        if not action.run_as_user:
            return program, argv
        from dc.jobs.run.users import as_user

        return as_user(action.run_as_user, program, argv, self.search_path)

    def _environment(self, job: Mapping[str, str]) -> dict[str, str]:
        env = {name: value for name, value in self._environ.items() if self._is_passed(name)}
        env["PATH"] = self.search_path
        env["AWS_IOT_JOB_HANDLER_DIR"] = self.directory
        env.update(job)
        return env

    def _is_passed(self, name: str) -> bool:
        return name in _INHERITED or name.startswith("LC_") or name.lower() in _PROXIES or name in self._passed

    def _handler(self, name: str, path: str) -> str:
        if path == DEFAULT_PATH:
            return self._own_handler(name)
        if path:
            return self._named(os.path.join(path, name), path)
        return self._search(name)

    def _named(self, program: str, folder: str) -> str:
        """A program by its path. In the handler directory the rules of the handler directory hold, however it is spelled."""
        if not os.path.isfile(program):
            where = "" if os.path.isdir(folder) else f"; there is no directory {folder}"
            raise HandlerError(f"{program} is not a file{where}")
        folder, name = os.path.split(program)
        for real, base in ((os.path.realpath(folder), name), os.path.split(os.path.realpath(program))):
            if real == os.path.realpath(self.directory):
                return self._own_handler(base)
        return program

    def _search(self, name: str) -> str:
        if "/" in name:
            return self._named(name, os.path.dirname(name))
        refused = ""
        for folder in self.search_path.split(":"):
            program = os.path.join(folder, name)
            if folder == self.directory and os.path.lexists(program):
                return self._own_handler(name)
            if os.path.isfile(program):
                if os.access(program, os.X_OK, effective_ids=True):
                    return self._named(program, folder)
                refused = program
        if refused:
            raise HandlerError(f"{refused} is not executable for the agent's user; chmod it")
        raise HandlerError(f'"{name}" was not found in PATH or the handler directory ({self.search_path})')

    def _own_handler(self, name: str) -> str:
        _check_directory(self.directory)
        if "/" in name or name in ("", ".", ".."):
            raise HandlerError(f'handler "{name}" must be a file name inside {self.directory}, without "/"')
        program = os.path.join(self.directory, name)
        try:
            found = os.lstat(program)
        except OSError as error:
            raise HandlerError(f"Handler {program}: {error.strerror}; put the handler there, with mode 700") from None
        if stat.S_ISLNK(found.st_mode):
            raise HandlerError(f"Handler {program} is a symbolic link; put the file itself there, with mode 700")
        if not stat.S_ISREG(found.st_mode):
            raise HandlerError(f"Handler {program} is not a regular file")
        _check_mode("job handler", program, found)
        return program


def _check_mode(what: str, path: str, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if mode != 0o700:
        raise HandlerError(
            f"Unacceptable permissions found for {what} {path}: permissions should be 700 but found {mode:o}; "
            f"run: chmod 700 {path}"
        )
    if found.st_uid != os.geteuid():
        raise HandlerError(
            f"Unacceptable owner found for {what} {path}: should be the agent's user, uid {os.geteuid()}, but found "
            f"{found.st_uid}; run: chown {os.geteuid()} {path}"
        )


def _check_directory(directory: str) -> None:
    try:
        found = os.stat(directory)
    except OSError as error:
        raise HandlerError(f"Handler directory {directory}: {error.strerror}; make it, with mode 700") from None
    if not stat.S_ISDIR(found.st_mode):
        raise HandlerError(f"Handler directory {directory} is not a directory")
    _check_mode("job handler directory", directory, found)
    if why := _replaceable(directory):
        raise HandlerError(f"Others than the agent's user can replace the handler directory {directory}: {why}")


def _replaceable(folder: str) -> str:
    """How others than root and the agent's user could put something else at this place, and what mends it; "" if they
    can't. Every folder and link on the way counts, so that what was found here can't be another thing a moment later.
    """
    way = folder.split("/")[::-1]
    at, links = "/", 0
    while way:
        part = way.pop()
        at = os.path.dirname(at) if part == ".." else at if part in ("", ".") else os.path.join(at, part)
        try:
            found = os.lstat(at)
        except OSError:
            return ""  # what is not there is judged by what is above it
        if why := _loose(at, found, last=not way):
            return why
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > _MAX_LINKS:
                return f"{at} is one of more than {_MAX_LINKS} links; name the folder itself"
            target = os.readlink(at)
            way.extend(target.split("/")[::-1])
            at = "/" if target.startswith("/") else os.path.dirname(at)
    return ""


def _loose(path: str, found: os.stat_result, last: bool) -> str:
    written = found.st_mode & 0o022
    if stat.S_ISLNK(found.st_mode) or (found.st_mode & stat.S_ISVTX and not last):
        written = 0  # on the way, as in /tmp, each may only replace what is his own
    if written == 0o020 and _is_nobodys_group(found.st_gid):
        written = 0
    if not written and found.st_uid in (0, os.geteuid()):
        return ""
    return (
        f"{path} has mode {stat.S_IMODE(found.st_mode):o} and owner {found.st_uid}; run: chmod go-w {path}, and let root or "
        f"uid {os.geteuid()} own it"
    )


def _is_nobodys_group(gid: int) -> bool:
    """Whether root and the agent's user at most are in it, as in Debian's staff, which may write to /usr/local."""
    trusted = {"root"}
    try:
        with open("/etc/passwd", encoding="utf-8", errors="replace") as file:
            users = [line.split(":") for line in file if line.count(":") > 3]
        with open("/etc/group", encoding="utf-8", errors="replace") as file:
            groups = [line.strip().split(":") for line in file if line.count(":") > 2]
    except OSError:
        return False
    trusted.update(words[0] for words in users if words[2] == str(os.geteuid()))
    members = {words[0] for words in users if words[3] == str(gid)}
    for words in groups:
        if words[2] == str(gid):
            members.update(name for name in words[3].split(",") if name)
    return members <= trusted
