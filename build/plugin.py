# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Nuitka's user plugin for the agent: what is frozen, which modules are stand-ins, which C is added.

It decides through Nuitka's plugin hooks and leaves Nuitka's files as they are (docs/decisions/0010-nuitka-licence.md).
It runs inside Nuitka's process, under the host python, and is no part of the product.
"""

import configparser
import marshal
import os
from pathlib import Path

import nuitka.freezer.ImportDetection as import_detection
from nuitka.plugins.PluginBase import NuitkaPluginBase
from nuitka.utils.ModuleNames import ModuleName

HERE = Path(__file__).resolve().parent

config = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=True)
config.optionxform = str
config.read(HERE / "nuitka.cfg", encoding="utf-8")
FROZEN = set(config["bytecode"])
COMPILED = tuple(config["compiled"])
OWN_FROZEN = set(config["frozen"])

# Nuitka's own answers are "every encoding, locale, inspect and what they drag in" and "the whole standard library":
# both are looked up once and kept in these two variables, which are filled here before anyone asks.
import_detection._early_modules_names = tuple(ModuleName(name) for name in sorted(FROZEN))
import_detection._stdlib_modules_names = ()


START_CODE = """\
// Written by build/plugin.py from build/standins/start_code.py.
#include <Python.h>
#include <marshal.h>
#include <string.h>

static const unsigned char code[] = {%s};

PyObject *dc_start_code(const char *text, const char *name, int start, PyCompilerFlags *flags, int optimize) {
    (void)name, (void)start, (void)flags, (void)optimize;
    if (strstr(text, "def _types_coroutine(") == NULL && strstr(text, "def empty(") == NULL) {
        Py_FatalError("this build compiles no text; see build/standins/start_code.py");
    }
    return PyMarshal_ReadObjectFromString((const char *)code, sizeof code);
}
"""


def start_code() -> str:
    """C that answers Nuitka's requests to compile a text with code compiled here, by the target's Python version."""
    text = (HERE / "standins/start_code.py").read_text(encoding="utf-8")
    code = marshal.dumps(compile(text, "<start>", "exec", dont_inherit=True, optimize=2))
    return START_CODE % ",".join(str(byte) for byte in code)


class AgentPlugin(NuitkaPluginBase):
    plugin_name = "aws-iot-device-client"
    plugin_desc = "The choices of build/nuitka.cfg"

    def onModuleEncounter(self, using_module_name, module_name, module_filename, module_kind):
        if module_name.hasOneOfNamespaces(*COMPILED) or module_kind == "built-in":
            return None
        name = module_name.asString()
        if name in FROZEN:
            return True, "listed in nuitka.cfg"
        agents = using_module_name is not None and using_module_name.hasOneOfNamespaces("__main__", *COMPILED)
        if agents and module_kind is not None and name not in config["left-out"]:
            self.sysexit(
                f"Error, {using_module_name} imports {name}, which build/nuitka.cfg does not list: "
                "add it there with a reason, or do without."
            )
        return False, "not listed in nuitka.cfg"

    def decideCompilation(self, module_name):
        return "bytecode" if module_name.asString() in OWN_FROZEN else None

    def onModuleSourceCode(self, module_name, source_filename, source_code):
        stand_in = HERE / "standins" / f"{module_name.asString()}.py"
        return stand_in.read_text(encoding="utf-8") if stand_in.exists() else source_code

    def getPreprocessorSymbols(self, onefile):
        return {"readlink": "dc_readlink", "Py_CompileStringExFlags": "dc_start_code"}

    def getExtraCodeFiles(self):
        folder = Path(os.environ["DC_EXTRA_C"])
        files = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.c"))}
        return files | {"start_code.c": start_code()}
