# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Writes sizes.md from the files in dist/: `make docs`. It is left as it is while one of them is not built."""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path

from toolchains.agent import binary
from toolchains.base import NAME, ROOT
from toolchains.target import ARCHES, Target, ci_suite

TARGET = Path(__file__).resolve().with_name("sizes.md")

_TEXT = """<!-- SPDX-FileCopyrightText: The aws-iot-device-client authors -->
<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Generated from dist/ by `make docs`, after `make binaries`. -->
# How large the file is

Bytes: of the file as it is installed, of the limit in `toolchains/targets/` at which the build ends, of the file in an image
that is compressed with `xz -6`, and of the symbols beside it, which stay at home.

| target | file | limit | compressed | symbols |
|---|---:|---:|---:|---:|
{rows}

What is in the file, with versions and licences, is listed in `dist/ARCH/{name}.spdx.json`:

{parts}.
"""


def render(arches: list[str]) -> str:
    """The whole page."""
    bill = binary(arches[0]).with_name(NAME + ".spdx.json")
    packages = json.loads(bill.read_text(encoding="utf-8"))["packages"]
    parts = ", ".join(f"{package['name']} {package['versionInfo']}" for package in packages if package["name"] != NAME)
    return _TEXT.format(rows="\n".join(_row(arch) for arch in arches), name=NAME, parts=parts)


def _row(arch: str) -> str:
    file = binary(arch)
    sizes = [
        file.stat().st_size,
        Target.of(arch).max_bytes,
        len(lzma.compress(file.read_bytes(), preset=6)),
        file.with_name(NAME + ".debug").stat().st_size,
    ]
    return f"| `{arch}` | " + " | ".join(f"{size:,}" for size in sizes) + " |"


def main() -> None:
    """Write the page, if all that CI builds is there; what is built beside that has a row too."""
    missing = [arch for arch in ci_suite() if not binary(arch).exists()]
    if missing:
        sys.stderr.write(f"{TARGET.relative_to(ROOT)} stays as it is: not built: {', '.join(missing)}\n")
    else:
        TARGET.write_text(render([arch for arch in ARCHES if binary(arch).exists()]), encoding="utf-8")


if __name__ == "__main__":
    main()
