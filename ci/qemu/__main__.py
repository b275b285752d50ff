# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""`python -m ci.qemu ARCH [COMMAND [ARG...]]`: a shell, or a command, in a throw-away BusyBox root of ARCH. Needs root.

The binary of dist/ARCH, if it is built, is in /usr/bin there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ci.qemu.userland import enter_command, userland
from toolchains.agent import MissingTarget, binary
from toolchains.base import BuildError
from toolchains.stages import Stages, default_cache
from toolchains.target import ARCHES


def main(argv: list[str]) -> int:
    """Exit status: the command's, or 2 if there is no way in."""
    parser = argparse.ArgumentParser(prog="python -m ci.qemu", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("arch", choices=ARCHES)
    parser.add_argument("command", nargs=argparse.REMAINDER, default=[], help="default: /bin/sh")
    options = parser.parse_args(argv)
    if os.geteuid() != 0:
        sys.stderr.write("python -m ci.qemu: only root can enter another root file system: run it with sudo\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="userland-") as folder:
        root = Path(folder, "root")
        try:
            shutil.copytree(userland(Stages(default_cache()), options.arch), root, symlinks=True)
            enter = enter_command(options.arch, root, binds=("/proc:/proc", "/dev:/dev"))
        except (BuildError, MissingTarget) as error:
            sys.stderr.write(f"python -m ci.qemu: {error}\n")
            return 2
        if binary(options.arch).exists():
            shutil.copy2(binary(options.arch), root / "usr/bin")
        home = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": os.environ.get("TERM", "linux")}
        return subprocess.run([*enter, *(options.command or ["/bin/sh"])], env=home).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
