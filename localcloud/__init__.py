# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""AWS IoT Core and AWS IoT Jobs on this machine, for the demo and the tests.

MiniStack is the cloud; `overlay` corrects what it leaves open in Jobs, `faults` breaks it on request, `ministack` lists
what both lean on. `jobs_model` is the Jobs service alone, without I/O: the simulator's, and over a plain broker `scripted`.
"""
