# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What the `conditions` of a job document can ask about this device. Loaded only when a document has any."""

from __future__ import annotations

import os

from dc.version import VERSION

OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")


def gather(thing_name: str) -> dict[str, str]:
    """Facts by name; see docs/handlers.md. What the system does not tell is ""."""
    system = os.uname()
    release = _os_release()
    return {
        "thingName": thing_name,
        "architecture": system.machine,
        "hostName": system.nodename,
        "kernelRelease": system.release,
        "operatingSystem": release.get("ID", ""),
        "operatingSystemVersion": release.get("VERSION_ID", ""),
        "agentVersion": VERSION,
    }


def _os_release() -> dict[str, str]:
    for path in OS_RELEASE:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                pairs = [line.strip().partition("=") for line in file.read(65536).splitlines()]
        except OSError:
            continue
        return {key: value.strip("\"'") for key, _, value in pairs if key}
    return {}
