"""test_ka_schedules.py - seeded schedules of faults on ka: chains and trees, files and unpacked trees."""
# SPDX-License-Identifier: GPL-2.0-or-later
import os
import threading

import faults
import netns
from kalab import Schedule

COUNT = 6
SHORT, LONG = (6, "40mbit"), (90, "600mbit")  # megabytes and rate: both take a second and a half
FIRST = int(os.environ.get("SEED", "1"))  # SEED=17 with SEEDS=1 plays one again
SEEDS = int(os.environ.get("SEEDS", "25"))


def _play_some(seeds, failed, megabytes, rate):
    """Plays these schedules one after the other in a laboratory of their own."""
    data = faults.some_bytes(megabytes << 20)
    with netns.Lab() as lab:
        cluster = faults.Cluster(lab, COUNT, rate=rate)
        for seed in seeds:
            try:
                Schedule(seed, COUNT, 1.5).run(cluster, data)
            except AssertionError as error:
                failed.append(str(error))


def play(first, seeds):
    """Plays SEEDS schedules, five at a time (they mostly wait), every tenth with a stream that is longer than what
    anybody keeps; all are played, then those that failed are shown."""
    failed, every = [], range(first, first + seeds)
    crews = [([seed for seed in every if seed % 10 and seed % 4 == i], SHORT) for i in range(4)]
    crews.append(([seed for seed in every if seed % 10 == 0], LONG))
    threads = [threading.Thread(target=_play_some, args=(mine, failed, *how)) for mine, how in crews if mine]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed, f"{len(failed)} of {seeds} schedules failed\n" + "\n\n".join(failed[:3])


def test_schedules():
    """25 seeded schedules of kill, stop, unplug, slow, reset, late, full disks, strays: survivors end well."""
    play(FIRST, SEEDS)


def test_many_schedules():
    """1000 of them."""
    play(10001, 1000)


test_many_schedules.slow = True
