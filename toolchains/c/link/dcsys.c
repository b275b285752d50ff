// SPDX-FileCopyrightText: The aws-iot-device-client authors
// SPDX-License-Identifier: Apache-2.0
// The built-in module _dcsys: system calls that Python's standard library lacks.
#include <Python.h>
#include <sys/prctl.h>

PyDoc_STRVAR(prctl_doc, "prctl(option: int, argument: int) -> None\n\nprctl(2) with one argument; OSError if it fails.");

static PyObject *dcsys_prctl(PyObject *module, PyObject *args) {
    int option;
    unsigned long argument;
    (void)module;
    if (!PyArg_ParseTuple(args, "ik:prctl", &option, &argument)) {
        return NULL;
    }
    if (prctl(option, argument, 0UL, 0UL, 0UL) < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

static PyMethodDef dcsys_methods[] = {
    {"prctl", dcsys_prctl, METH_VARARGS, prctl_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef dcsys_definition = {PyModuleDef_HEAD_INIT, .m_name = "_dcsys", .m_size = 0, .m_methods = dcsys_methods};

PyMODINIT_FUNC PyInit__dcsys(void) { return PyModule_Create(&dcsys_definition); }
