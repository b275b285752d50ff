# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the settings must be to make sense together, without looking at any file. Pure."""

from __future__ import annotations

from dc.config.model import PROGRAM, SETTINGS, Config, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HOST = _LETTERS | frozenset(".-_")
_IPV6 = frozenset("0123456789abcdefABCDEF:.%")
_THING = _LETTERS | frozenset(":_-")
_THING_LONGEST = 128  # AWS: thing names
_KEEP_ALIVE_ADVISED = (30, 60)


def apply(config: Config, place: str, warnings: list[str], errors: list[ConfigError]) -> None:
    """Splits the endpoint, checks names and pairs of values, and tells of features that this build lacks.

    `place` says where missing settings belong; "" leaves them untold. Changes `config.endpoint`,
    `config.port` and, in a build without jobs, `config.jobs_enabled`.
    """
    if place:
        _require(config, place, errors)
    for rule in (_endpoint, _thing_name, _reconnect):
        try:
            rule(config)
        except ConfigError as error:
            errors.append(error)
    low, high = _KEEP_ALIVE_ADVISED
    if not low <= config.keep_alive <= high:
        warnings.append(f"mqtt.keep-alive-seconds is {config.keep_alive}; {low} to {high} is advised")
    _features(config, warnings, errors)


def _require(config: Config, place: str, errors: list[ConfigError]) -> None:
    names = ["endpoint", "cert", "key", "thing-name"]
    if config.values["secure-element.enabled"]:
        names.remove("key")
    missing = [name for name in names if not config.values[name]]
    if not missing:
        return
    flags = ", ".join("--" + name for name in missing)
    errors.append(ConfigError(f"not set: {', '.join(missing)}", f"Set them in {place} or by {flags}."))


def _endpoint(config: Config) -> None:
    config.endpoint, config.port = split_endpoint(config.endpoint)


def split_endpoint(text: str) -> tuple[str, int | None]:
    """HOST, HOST:PORT, IPV6 or [IPV6]:PORT -> host and port (None when not given). Raises ConfigError."""
    hint = "Write HOST or HOST:PORT; `aws iot describe-endpoint --endpoint-type iot:Data-ATS` prints the host."
    if "/" in text:
        raise ConfigError(f"endpoint: found {text!a}, wanted a host without a scheme and a path", hint)
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        colon, digits = rest[:1], rest[1:]
        wrong = not bracket or not host or not _IPV6.issuperset(host) or colon not in ("", ":")
    elif text.count(":") > 1:
        host, colon, digits = text, "", ""
        wrong = not _IPV6.issuperset(host)
    else:
        host, colon, digits = text.partition(":")
        wrong = not _HOST.issuperset(host) or (not host and bool(colon))
    if wrong:
        raise ConfigError(f"endpoint: {text!a} is not a host", hint)
    if not colon:
        return host, None
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 1 <= int(digits) <= 65535):
        raise ConfigError(f"endpoint: found port {digits!a}, wanted 1 to 65535", hint)
    return host, int(digits)


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


def _features(config: Config, warnings: list[str], errors: list[ConfigError]) -> None:
    """One line for each feature that was asked for and is not in this build."""
    for setting in SETTINGS:
        name = setting.name
        if setting.available or not config.is_set(name) or not _switches_on(name, config.values[name]):
            continue
        origin = config.origins[name]
        special = _SPECIAL.get(setting.feature)
        if special is None:
            warnings.append(f"{setting.feature} is not in this build: {name} ({origin}) has no effect")
        else:
            special(config, origin, warnings, errors)
    if "jobs" in _unavailable():
        config.jobs_enabled = False
    elif not config.jobs_enabled:
        warnings.append(f"jobs are switched off ({config.origins['jobs.enabled']}): no job will be run")


def _unavailable() -> set[str]:
    return {setting.feature for setting in SETTINGS if not setting.available}


def _switches_on(name: str, value: object) -> bool:
    if name.endswith(".enabled"):
        return value is True
    if name.endswith(".sensors") and isinstance(value, list):  # the C++ client: an entry is on unless it says no
        return any(not isinstance(entry, dict) or entry.get("enabled", True) for entry in value)
    return False


def _no_jobs(config: Config, origin: str, warnings: list[str], errors: list[ConfigError]) -> None:
    if not origin.startswith("flag"):
        warnings.append(f"jobs is not in this build: jobs.enabled ({origin}) has no effect")
        return
    message = "--enable-jobs true: this build was made without the jobs feature (EXCLUDE_JOBS)"
    errors.append(ConfigError(message, f"Install a {PROGRAM} with jobs, or leave the flag out."))


def _no_secure_element(config: Config, origin: str, warnings: list[str], errors: list[ConfigError]) -> None:
    message = f"secure-element.enabled ({origin}): secure elements are not in this build, hence no private key"
    errors.append(ConfigError(message, "Set secure-element.enabled to false, and key to a private key file."))


def _no_fleet_provisioning(config: Config, origin: str, warnings: list[str], errors: list[ConfigError]) -> None:
    values = config.values
    if not (values["runtime-config.completed-fp"] and values["key"] == values["runtime-config.key"]):
        warnings.append(
            f"fleet-provisioning is not in this build: fleet-provisioning.enabled ({origin}) has no effect, "
            "connecting with cert and key as they are"
        )


_SPECIAL: dict[str, Callable[[Config, str, list[str], list[ConfigError]], None]] = {
    "jobs": _no_jobs,
    "secure-element": _no_secure_element,
    "fleet-provisioning": _no_fleet_provisioning,
}
