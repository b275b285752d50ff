# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""What a module imports, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Container


def imports(node: ast.AST, packages: Container[str], types: bool = True) -> set[str]:
    """Modules that the code names in imports; without `types`, those that run: not what stands under TYPE_CHECKING.

    `from PACKAGE import NAME` is the module PACKAGE.NAME for the `packages`, and the module PACKAGE for all others.
    """
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if (
            not types
            and isinstance(child, ast.If)
            and isinstance(child.test, ast.Name)
            and child.test.id == "TYPE_CHECKING"
        ):
            continue
        if isinstance(child, ast.Import):
            found |= {alias.name for alias in child.names}
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            module = child.module or ""
            found |= {f"{module}.{alias.name}" for alias in child.names} if module in packages else {module}
        found |= imports(child, packages, types)
    return found


def run_time_imports(node: ast.AST, packages: Container[str]) -> set[str]:
    """Modules that importing or calling the code loads."""
    return imports(node, packages, types=False)
