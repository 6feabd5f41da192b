"""test_faults.py - seeded random schedules of faults on dolly chains: survivors complete, the lost are named, nobody
hangs."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import threading
import time

import faults
import netns

NODES = 8
SIZE = 20_000_001
RATE = "200mbit"
SECONDS = 1.2  # faults come within; the transfer takes 0.8 s without any


def play(seeds, count=NODES):
    """Plays the schedules of these seeds in one lab; returns what failed."""
    failed = []
    image = faults.some_bytes(SIZE)
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, count, rate=RATE)
        for seed in seeds:
            try:
                faults.Schedule(seed, count, SECONDS).run(cluster, image)
            except AssertionError as error:
                failed.append(str(error))
    return failed


def play_parallel(seeds, lanes=2):
    """The same, in several labs at once; fails with all that failed."""
    seeds = list(seeds)
    failed, lock = [], threading.Lock()

    def lane(mine):
        found = play(mine)
        with lock:
            failed.extend(found)

    threads = [threading.Thread(target=lane, args=(seeds[i::lanes],)) for i in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, f"{len(failed)} of {len(seeds)} schedules failed\n" + "\n====\n".join(failed[:8])


def test_some_schedules():
    """25 random schedules of kill, stop, unplug, reset, slow, late, full disk and strangers, up to a quarter lost:
    every survivor has the right bytes and exit 0, every lost node is named, nobody hangs."""
    first = int(os.environ.get("FAULT_SEED", "1"))
    play_parallel(range(first, first + 25))


def test_known_schedules():
    """Schedules that failed once: a node killed and started again while its old self brings the bytes to the medium."""
    play_parallel([630077])


def test_thousand_schedules():
    """A thousand such schedules, with a seed that nobody has tried before."""
    first = int(os.environ.get("FAULT_SEED", str(int(time.time()))))
    print(f"FAULT_SEED={first}", flush=True)
    play_parallel(range(first, first + 1000))


test_thousand_schedules.slow = True
