# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the settings must be to make sense together, without looking at any file. Changes nothing. Pure."""

from __future__ import annotations

from dc import features
from dc.config.model import PROGRAM, SETTINGS, Config
from dc.config.problems import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dc.config.problems import Problems

_THING = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_-")
_THING_LONGEST = 128  # AWS: thing names
_KEEP_ALIVE_ADVISED = (30, 60)


def check(config: Config, place: str, problems: Problems) -> None:
    """Checks names and pairs of values, and reports features that this build lacks.

    `place` says where missing settings belong; with "" they are not reported.
    """
    if place:
        problems.attempt(_require, config, place)
    problems.attempt(_thing_name, config)
    problems.attempt(_reconnect, config)
    low, high = _KEEP_ALIVE_ADVISED
    if not low <= config.keep_alive <= high:
        problems.warn(f"mqtt.keep-alive-seconds is {config.keep_alive}; {low} to {high} is advised")
    _features(config, problems)


def _require(config: Config, place: str) -> None:
    names = ["endpoint", "cert", "key", "thing-name"]
    if config.values["secure-element.enabled"]:
        names.remove("key")
    missing = [name for name in names if not config.values[name]]
    if missing:
        flags = ", ".join("--" + name for name in missing)
        raise ConfigError(f"not set: {', '.join(missing)}", f"Set them in {place} or by {flags}.")


def _thing_name(config: Config) -> None:
    name = config.thing_name
    if len(name) > _THING_LONGEST or not _THING.issuperset(name):
        raise ConfigError(
            f"thing-name: found {name[:_THING_LONGEST]!a} ({len(name)} characters), "
            f"wanted at most {_THING_LONGEST} of a-z A-Z 0-9 : _ -",
            "Use the thing's name, not its ARN.",
        )


def _reconnect(config: Config) -> None:
    if config.reconnect_min > config.reconnect_max:
        raise ConfigError(
            f"mqtt.reconnect-min-seconds is {config.reconnect_min}, more than "
            f"mqtt.reconnect-max-seconds, {config.reconnect_max}",
            "Lower the first or raise the second.",
        )


def _features(config: Config, problems: Problems) -> None:
    """One line for each feature that was asked for and is not in this build."""
    for setting in SETTINGS:
        name = setting.name
        if setting.available or not config.is_set(name) or not _switches_on(name, config.values[name]):
            continue
        origin = config.origins[name]
        special = _SPECIAL.get(setting.feature)
        if special is None:
            problems.warn(f"{setting.feature} is not in this build: {name} ({origin}) has no effect")
        else:
            special(config, origin, problems)
    if "jobs" in features.FEATURES and not config.jobs_enabled:
        problems.warn(f"jobs are switched off ({config.origins['jobs.enabled']}): no job will be run")


def _switches_on(name: str, value: object) -> bool:
    if name.endswith(".enabled"):
        return value is True
    if name.endswith(".sensors") and isinstance(value, list):  # the C++ client: an entry is on unless it says no
        return any(not isinstance(entry, dict) or entry.get("enabled", True) for entry in value)
    return False


def _no_jobs(config: Config, origin: str, problems: Problems) -> None:
    if not origin.startswith("flag"):
        problems.warn(f"jobs is not in this build: jobs.enabled ({origin}) has no effect")
        return
    problems.error(
        "--enable-jobs true: this build was made without the jobs feature (EXCLUDE_JOBS)",
        f"Install an {PROGRAM} with jobs, or leave the flag out.",
    )


def _no_secure_element(config: Config, origin: str, problems: Problems) -> None:
    problems.error(
        f"secure-element.enabled ({origin}): secure elements are not in this build, hence no private key",
        "Set secure-element.enabled to false, and key to a private key file.",
    )


def _no_fleet_provisioning(config: Config, origin: str, problems: Problems) -> None:
    values = config.values
    if not (values["runtime-config.completed-fp"] and values["key"] == values["runtime-config.key"]):
        problems.warn(
            f"fleet-provisioning is not in this build: fleet-provisioning.enabled ({origin}) has no effect, "
            "connecting with cert and key as they are"
        )


_SPECIAL: dict[str, Callable[[Config, str, Problems], None]] = {
    "jobs": _no_jobs,
    "secure-element": _no_secure_element,
    "fleet-provisioning": _no_fleet_provisioning,
}
