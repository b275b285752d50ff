# SPDX-FileCopyrightText: The aws-iot-device-client authors
# SPDX-License-Identifier: Apache-2.0
"""Starts the program: `python -m dc`, and the compiled binary."""

import os
import sys

from dc.cli import main


def run() -> None:
    """The entry of an installed package."""
    sys.exit(main(sys.argv, os.environ))


if __name__ == "__main__":
    run()
