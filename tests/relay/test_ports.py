"""test_ports - a port that another program of the machine has -> its number, and how to find the program; status 1."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import pathlib
import socket
import subprocess

BIN = pathlib.Path(os.environ.get("KA_BIN", pathlib.Path(__file__).resolve().parents[2] / "build" / "bin"))


def test_a_taken_port():
    """Neither of a ka server's ports may be another program's: that is S1-NET-08, with the number, at once."""
    for option in "-p", "-P":
        with socket.create_server(("", 0)) as taken, socket.create_server(("", 0)) as free:
            other = {"-p": "-P", "-P": "-p"}[option]
            ports = [option, str(taken.getsockname()[1]), other, str(free.getsockname()[1])]
            free.close()
            done = subprocess.run([BIN / "ka-d-server", "-e", "true", *ports], capture_output=True, text=True,
                                  timeout=20, check=False)
            words = done.stdout + done.stderr
            assert done.returncode == 1 and "S1-NET-08" in words and ports[1] in words, words
