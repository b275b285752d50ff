// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// A bare interpreter of the agent's own libpython, for `make bench` to compare the agent with.
#include <Python.h>

int main(int argc, char **argv) { return Py_BytesMain(argc, argv); }
