#!/bin/sh
# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
#
# health-check.sh USER: succeeds. That it ran at all is the news: the agent is connected, takes jobs and starts
# handlers. Fit for a finalStep; put checks of your own here.

echo "healthy: the agent runs job handlers"
