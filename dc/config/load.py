# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Brings the settings together: defaults, one file, flags, environment; with the origin of each.

A device that the C++ client provisioned keeps its certificate in the runtime file that client wrote; it is
honoured when fleet provisioning is enabled, as there.
"""

from __future__ import annotations

import os

from dc.config import file, rules
from dc.config.convert import from_text
from dc.config.model import CONFIG_NAME, PATH, PROXY_SETTINGS, SETTINGS, Config, ConfigError, Setting
from dc.config.paths import expand, home

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# Looked for in this order after the one in the home folder; the hidden folder is the C++ service's.
SYSTEM_FILES = (
    "/etc/aws-iot-device-client/" + CONFIG_NAME,
    "/etc/.aws-iot-device-client/" + CONFIG_NAME,
)
ROOT_STATE_DIR = "/var/lib/aws-iot-device-client"
USER_DIR = "~/.aws-iot-device-client"
RUNTIME_FILE = USER_DIR + "/aws-iot-device-client-runtime.conf"


class Loaded:
    """The settings and what is wrong with them: `errors` forbid a start, `warnings` are lines for the log."""

    __slots__ = ("config", "errors", "warnings")

    def __init__(self, config: Config, warnings: list[str], errors: list[ConfigError]) -> None:
        self.config = config
        self.warnings = warnings
        self.errors = errors


def load(flags: Mapping[str, object], environ: Mapping[str, str], uid: int) -> Loaded:
    """All settings for user `uid`; `flags` as from flags.parse. Reads files, changes nothing."""
    return _Loader(environ, uid).load(flags)


class _Loader:
    __slots__ = ("environ", "errors", "origins", "uid", "values", "warnings")

    def __init__(self, environ: Mapping[str, str], uid: int) -> None:
        self.environ = environ
        self.uid = uid
        self.values: dict[str, object] = {setting.name: setting.default for setting in SETTINGS}
        self.origins = {setting.name: "default" for setting in SETTINGS}
        self.warnings: list[str] = []
        self.errors: list[ConfigError] = []

    def load(self, flags: Mapping[str, object]) -> Loaded:
        path = self._main_file(flags)
        self._merge_flags_and_environment(flags)
        self._merge_runtime_file()
        config = Config(self.values, self.origins)
        config.config_file = path
        place = path or f"{self.default_files()[0]} (not there yet)"
        if self.errors:
            place = ""  # what is missing may be just what could not be read
        rules.apply(config, place, self.warnings, self.errors)
        self._expand_paths(config)
        self._note_proxy()
        return Loaded(config, self.warnings, self.errors)

    def _main_file(self, flags: Mapping[str, object]) -> str:
        """Merges the configuration file and gives its path, "" when there is none."""
        given = flags.get("--config-file")
        if given is None:
            candidates = [path for path in self.default_files() if self._exists(path)]
            path = candidates[0] if candidates else ""
        else:
            try:
                path = expand(str(given), self.environ, self.uid, "--config-file")
            except ConfigError as error:
                self.errors.append(error)
                return ""
        if path:
            self._merge_file(path)
        return path

    def default_files(self) -> list[str]:
        folder = home(self.environ, self.uid)
        own = [f"{folder}{USER_DIR[1:]}/{CONFIG_NAME}"] if folder else []
        return [*own, *SYSTEM_FILES]

    def _exists(self, path: str) -> bool:
        """Whether the file is there; a folder that may not be entered is told and counts as "no"."""
        try:
            os.stat(path)
        except PermissionError:
            self.warnings.append(f"{path}: uid {self.uid} may not look there, so it is passed over")
            return False
        except OSError:
            return False
        return True

    def _merge_file(self, path: str) -> None:
        try:
            found = file.read(path, SETTINGS, self.errors)
        except ConfigError as error:
            self.errors.append(error)
            return
        for name, value in found.items():
            self._put(name, value, "file " + path)

    def _merge_flags_and_environment(self, flags: Mapping[str, object]) -> None:
        for setting in SETTINGS:
            name = setting.name
            if name in flags:
                self._put(name, flags[name], "flag " + setting.flag)
            elif setting.in_environment and name in self.environ:
                try:
                    self._put(name, from_text(setting, self.environ[name], name), "env " + name)
                except ConfigError as error:
                    self.errors.append(error)

    def _put(self, name: str, value: object, origin: str) -> None:
        self.values[name] = value
        self.origins[name] = origin

    def _merge_runtime_file(self) -> None:
        """What fleet provisioning wrote replaces cert, key and thing-name once it is complete."""
        if not self.values["fleet-provisioning.enabled"]:
            return
        folder = home(self.environ, self.uid)
        path = folder + RUNTIME_FILE[1:]
        if folder and self._exists(path):
            self._merge_file(path)
        names = ("cert", "key", "thing-name")
        if self.values["runtime-config.completed-fp"] and all(self.values["runtime-config." + n] for n in names):
            for name in names:
                source = "runtime-config." + name
                self._put(name, self.values[source], self.origins[source])

    def _expand_paths(self, config: Config) -> None:
        if not config.state_dir:
            config.state_dir = ROOT_STATE_DIR if self.uid == 0 else USER_DIR
        for setting in SETTINGS:
            if setting.kind != PATH or not setting.attr:
                continue
            needed = setting.feature != "jobs" or config.jobs_enabled
            text = getattr(config, setting.attr) if needed else ""
            setattr(config, setting.attr, self._expanded(setting, text))

    def _expanded(self, setting: Setting, text: str) -> str:
        """The path in full; "" when it is unset or when an error was noted."""
        origin, _, source = self.origins[setting.name].partition(" ")
        place = source if origin in ("flag", "env") else f"{source or origin}: {setting.name}"
        try:
            return expand(text, self.environ, self.uid, place) if text else ""
        except ConfigError as error:
            self.errors.append(error)
            return ""

    def _note_proxy(self) -> None:
        """One line when the HTTP proxy's own file enables it: this build connects directly."""
        name = "--http-proxy-config"
        given = self.origins[name] != "default"
        try:
            path = expand(str(self.values[name]), self.environ, self.uid, name)
            if not given and not self._exists(path):
                return
            complaints: list[ConfigError] = []
            enabled = file.read(path, PROXY_SETTINGS, complaints).get("http-proxy-enabled")
        except ConfigError as error:
            if given:
                self.warnings.append(f"the HTTP proxy's settings are not used: {error.message}")
            return
        self.warnings.extend(complaint.message for complaint in complaints)
        if enabled:
            self.warnings.append(f"http-proxy is not in this build: {path} has no effect, connecting directly")
