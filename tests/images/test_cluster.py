"""test_cluster - doc/cluster.md, step by step -> three diskless nodes are one cluster: TIPC, taktuk, Open MPI.

Needs root.
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: openssh-client taktuk
import pathlib
import re
import subprocess
import time

import maker
import netns
from room import DOLLY_LINE, Room

alone = True  # three machines are all that two processors can emulate
PATIENCE = 600
NODES = "node1 10.0.1.31\nnode2 10.0.1.32\nnode3 10.0.1.33\n"
SSH = "ssh -A -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=60"


def modules():
    """The modules of the kernel that the machines boot."""
    return next((maker.TOP / "build" / "kernel" / "lib" / "modules").iterdir())


def mirror():
    """Where the packages come from: a line for each archive."""
    lines = subprocess.run([maker.TOP / "server" / "demo-image", "--mirror"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout.splitlines()
    return [word for line in lines for word in ("--mirror", line)]


def on_head(room, where, command):
    """A command of the head node's user, with the key in an agent; its output."""
    script = f"eval $(ssh-agent) >/dev/null; trap 'ssh-agent -k >/dev/null' EXIT; ssh-add -q {where}/key; {command}"
    done = room.head.run(["bash", "-c", script], check=False, timeout=300)
    return (done.stdout + done.stderr).decode(errors="replace")


def test_cluster():
    """The seeds' cluster: the image with the node list and the module, three machines by dolly; each sees the other two
    by TIPC and says that the module is running on 3 nodes; taktuk runs uptime on all; an MPI job has ranks on all."""
    maker.CACHE.mkdir(parents=True, exist_ok=True)
    with maker.folder() as where, netns.Lab() as lab:
        maker.run(f"ssh-keygen -q -t ed25519 -N '' -f key; printf '{NODES}' >nodes", where)
        done = maker.make(where, "create", "--cache", maker.CACHE, *mirror(), "--keys", "key.pub", "--nodes", "nodes",
                          "--cluster", "tipc", "--modules", f"{modules()}:tipc", "taktuk", "openmpi-bin",
                          "openssh-client")
        assert done.status == 0, done.text
        config = lab.file("dolly.cfg", done.text.partition("# dolly.cfg:\n")[2].partition("\n\n")[0] + "\n")
        room = Room(lab, 3, DOLLY_LINE.replace("256000", "600000"))
        server = room.head.start([maker.TOP / "build/bin/dolly", "-s", "-v", "-a", str(PATIENCE), "-f", config])
        machines = [room.machine(i, mem=1024, lifetime=1800) for i in (1, 2, 3)]
        for machine in machines:
            machine.expect("login:", PATIENCE)
        assert server.wait(60) == 0, server.tail()
        for i in (1, 2, 3):
            for _ in range(20):
                said = on_head(room, where, f"{SSH} root@10.0.1.3{i} 'cat /run/cluster; tipc link list; cat /proc/cmdline'"
                                            )
                if "is running on 3 nodes" in said:
                    break
                time.sleep(5)
            assert "tipc is running on 3 nodes" in said and said.count(":eth0: up") == 2, said
            assert f"node_id={i}" in said, said
        said = on_head(room, where, f"taktuk -c '{SSH}' -l root -m 10.0.1.31 -m 10.0.1.32 -m 10.0.1.33 "
                                    "broadcast exec [ 'uname -n; uptime' ]")
        assert len(re.findall("load average", said)) == 3 and {"node1", "node2", "node3"} <= set(
            re.findall(r"node\d", said)), said
        said = on_head(room, where, f"""{SSH} root@10.0.1.31 "mpirun --allow-run-as-root --host node1,node2,node3 \
-np 3 --mca plm_rsh_args '-o StrictHostKeyChecking=no' --mca btl tcp,self sh -c 'echo rank \\$OMPI_COMM_WORLD_RANK on \\$(uname -n)'" """)
        assert sorted(re.findall(r"rank \d on node\d", said)) == [f"rank {i} on node{i + 1}" for i in range(3)], said
        pathlib.Path(maker.TOP / "build/tests/console/test_cluster.said").write_text(said)


test_cluster.slow = True
