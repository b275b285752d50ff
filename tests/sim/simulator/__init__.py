# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""A board, its cloud and the network between them, all in one thread and on one fake clock.

The agent in the middle is the real one: the pure core and the Jobs feature's shell. Everything it touches is fake and
scripted: loop, connection, processes, disk, boot. So one seed gives one course of events, and the agent can be ended
after any one thing it does. `world.CrashWorld` is the place to begin reading.
"""
