// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// Makes the linked-in extension modules built-in ones, before Python starts.
#include <Python.h>

extern PyObject *PyInit__awscrt(void);
extern PyObject *PyInit__dcsys(void);
extern PyObject *PyInit_orjson(void);

__attribute__((constructor)) static void dc_add_modules(void) {
    PyImport_AppendInittab("_awscrt", PyInit__awscrt);
    PyImport_AppendInittab("_dcsys", PyInit__dcsys);
    PyImport_AppendInittab("orjson", PyInit_orjson);
}
