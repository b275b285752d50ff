# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Brings the settings together: defaults, one file, flags, environment; with the origin of each.

A device that the C++ client provisioned keeps its certificate in the runtime file that client wrote; it is
honoured when fleet provisioning is enabled, as there.
"""

from __future__ import annotations

import os

from dc.config import derive, file, rules
from dc.config.convert import from_text
from dc.config.model import CONFIG_NAME, PROXY_SETTINGS, SETTINGS, Config
from dc.config.paths import expand, home
from dc.config.problems import ConfigError, Problems

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Looked for in this order after the one in the home folder; the hidden folder is the C++ service's.
SYSTEM_FILES = (
    "/etc/aws-iot-device-client/" + CONFIG_NAME,
    "/etc/.aws-iot-device-client/" + CONFIG_NAME,
)
USER_DIR = "/.aws-iot-device-client/"  # in the home folder
RUNTIME_NAME = "aws-iot-device-client-runtime.conf"


def load(flags: Mapping[str, object], environ: Mapping[str, str], uid: int, problems: Problems) -> Config:
    """All settings for user `uid`; `flags` as from flags.parse. Reads files, changes nothing."""
    sources = Sources(environ, uid, problems)
    path = sources.take_file(flags)
    sources.take_flags_and_environment(flags)
    sources.take_runtime_file()
    # After an error nothing is said about missing settings: what is missing may be just what could not be read.
    place = "" if problems.errors else path or f"{sources.default_files()[0]} (not there yet)"
    config = Config(sources.values, sources.origins, {**derive.attributes(sources), "config_file": path})
    rules.check(config, place, problems)
    sources.note_proxy()
    return config


class Sources:
    """The settings as given: a value and an origin for every row of the table. What is taken later replaces the earlier."""

    __slots__ = ("environ", "origins", "problems", "uid", "values")

    def __init__(self, environ: Mapping[str, str], uid: int, problems: Problems) -> None:
        self.environ = environ
        self.uid = uid
        self.problems = problems
        self.values: dict[str, object] = {setting.name: setting.default for setting in SETTINGS}
        self.origins = {setting.name: "default" for setting in SETTINGS}

    def take_file(self, flags: Mapping[str, object]) -> str:
        """Takes what the configuration file gives; its path, "" when there is none."""
        given = flags.get("--config-file")
        if given is None:
            candidates = [path for path in self.default_files() if self._exists(path)]
            path = candidates[0] if candidates else ""
        else:
            path = self.problems.attempt(expand, str(given), self.environ, self.uid, "--config-file") or ""
        if path:
            self._merge_file(path, flags)
        return path

    def default_files(self) -> list[str]:
        """Where the configuration file is looked for when no flag names one."""
        folder = home(self.environ, self.uid)
        own = [folder + USER_DIR + CONFIG_NAME] if folder else []
        return [*own, *SYSTEM_FILES]

    def take_flags_and_environment(self, flags: Mapping[str, object]) -> None:
        """Takes what the command line and the environment give."""
        for setting in SETTINGS:
            name = setting.name
            if name in flags:
                self._put(name, flags[name], "flag " + setting.flag)
            elif setting.in_environment and name in self.environ:
                value = self.problems.attempt(from_text, setting, self.environ[name], name)
                if value is not None:
                    self._put(name, value, "env " + name)

    def take_runtime_file(self) -> None:
        """What fleet provisioning wrote replaces cert, key and thing-name once it is complete."""
        if not self.values["fleet-provisioning.enabled"]:
            return
        folder = home(self.environ, self.uid)
        path = folder + USER_DIR + RUNTIME_NAME
        if folder and self._exists(path):
            self._merge_file(path, {})
        names = ("cert", "key", "thing-name")
        if self.values["runtime-config.completed-fp"] and all(self.values["runtime-config." + n] for n in names):
            for name in names:
                source = "runtime-config." + name
                self._put(name, self.values[source], self.origins[source])

    def note_proxy(self) -> None:
        """One line when the HTTP proxy's own file enables it: this build connects directly."""
        name = "--http-proxy-config"
        given = self.origins[name] != "default"
        inside = Problems()  # what is wrong in that file does not keep the agent from starting
        try:
            path = expand(str(self.values[name]), self.environ, self.uid, name)
            if not given and not self._exists(path):
                return
            enabled = file.read(path, PROXY_SETTINGS, inside).get("http-proxy-enabled")
        except ConfigError as error:
            if given:
                self.problems.warn(f"the HTTP proxy's settings are not used: {error.message}")
            return
        for complaint in (*inside.errors, *inside.passed_over):
            self.problems.warn(complaint.message)
        if enabled:
            self.problems.warn(f"http-proxy is not in this build: {path} has no effect, connecting directly")

    def _exists(self, path: str) -> bool:
        """Whether the file is there. A folder that may not be entered counts as "no" and is a warning."""
        try:
            os.stat(path)
        except PermissionError:
            self.problems.warn(f"{path}: uid {self.uid} may not look there, so it is skipped")
            return False
        except OSError:
            return False
        return True

    def _merge_file(self, path: str, flags: Mapping[str, object]) -> None:
        found = self.problems.attempt(file.read, path, SETTINGS, self.problems, flags) or {}
        for name, value in found.items():
            self._put(name, value, "file " + path)

    def _put(self, name: str, value: object, origin: str) -> None:
        self.values[name] = value
        self.origins[name] = origin
