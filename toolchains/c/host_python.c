// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// The host python's main: python3, plus empty built-in modules under the names of those that only the target has.
#include <Python.h>
#include <stdlib.h>

#define EMPTY_MODULE(name)                                                                     \
    static struct PyModuleDef name##_definition = {PyModuleDef_HEAD_INIT, .m_name = #name};   \
    static PyObject *init_##name(void) { return PyModule_Create(&name##_definition); }

EMPTY_MODULE(_awscrt)
EMPTY_MODULE(_dcsys)
EMPTY_MODULE(orjson)

int main(int argc, char **argv) {
    PyImport_AppendInittab("_awscrt", init__awscrt);
    PyImport_AppendInittab("_dcsys", init__dcsys);
    PyImport_AppendInittab("orjson", init_orjson);

    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.parse_argv = 1;
    PyConfig_SetBytesArgv(&config, argc, argv);
    PyStatus status = Py_InitializeFromConfig(&config);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status);
    }
    // Nuitka folds sys.maxsize into the program it compiles: it has to be the target's.
    if (getenv("DC_TARGET_32BIT") != NULL) {
        PySys_SetObject("maxsize", PyLong_FromLong(0x7fffffff));
    }
    return Py_RunMain();
}
