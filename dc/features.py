# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Which features this build has: the base client knows them by this table only.

A build that leaves a feature out replaces this module by one without its name (see docs/building.md).
Each name is a package `dc.NAME` with `start(host) -> feature`, loaded only when the feature is enabled.
"""

FEATURES = ("jobs",)

RUN_AS = "--internal-run-as"  # how the agent starts a command as another user; it must not read any configuration

# The commands that features bring along: rows as in dc/commands.
COMMANDS = ((RUN_AS, "dc.jobs.run.become", ""),)
