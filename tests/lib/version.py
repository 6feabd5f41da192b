"""version - base/version.h -> what the programs in Python answer to --version."""
# SPDX-License-Identifier: GPL-2.0-or-later
import pathlib
import re

VERSION = re.search(r'STAGE1_VERSION "(.*)"', (pathlib.Path(__file__).resolve().parents[2]
                                               / "base/version.h").read_text())[1]


def words(name):
    """"demo (stage1 0.1)" of the program NAME."""
    return f"{name} (stage1 {VERSION})"
