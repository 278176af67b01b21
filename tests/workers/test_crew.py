"""What becomes of work that is shared when somebody who shares it ends."""

import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from threading import Event
from time import monotonic

import pytest

from workers import crew as crews
from workers.archive.segments import Damaged
from workers.cli.failures import sentence
from workers.clock import ManualClock
from workers.crew import Lost, Place, Processes, Tell
from workers.storage.memory import MemoryStores


def nowhere() -> Place:
    stores = MemoryStores(ManualClock())
    return Place(stores.log, stores.generations.tables)


def counted(_place: Place, jobs: Iterator[int], tell: Tell) -> list[int]:
    done = []
    for job in jobs:
        done.append(job)
        tell(1)
    return done


def killed(_place: Place, jobs: Iterator[int], _: Tell) -> list[int]:
    if multiprocessing.parent_process() is not None:
        os._exit(9)
    return [*jobs]


def test_each_job_is_done_once_and_who_dies_before_the_end_is_told() -> None:
    with Processes(nowhere, 2) as crew:
        told: list[int] = []
        done = crew.share(counted, range(50), told.append)
        assert (sorted(job for each in done for job in each), sum(told)) == ([*range(50)], 50)
        with pytest.raises(Lost) as lost:
            crew.share(killed, range(2), lambda _: None)
        with pytest.raises(Lost):
            crew.beside(lambda _place, _job: None, 0)
    assert sentence(lost.value) == (
        "Of the processes that share the work, one ended before its work was done, perhaps for want of "
        "memory. The running state is as it was. Take fewer: --processes 1."
    )


def nothing(_place: Place, _job: int) -> None: ...


def gone_meanwhile() -> Place:
    if multiprocessing.parent_process() is not None:
        raise Damaged("a snapshot is missing")
    return nowhere()


def test_why_another_process_cannot_open_its_place_is_told() -> None:
    with Processes(gone_meanwhile, 2) as crew:
        with pytest.raises(Damaged, match="a snapshot is missing"):
            crew.share(counted, range(2), lambda _: None)
        with pytest.raises(Damaged, match="a snapshot is missing"):
            crew.beside(nothing, 0)()


LONG_S = 30


def killed_early(how: str, _place: Place, jobs: Iterator[int], tell: Tell) -> None:
    """One is killed at once; the other has work for long."""
    if multiprocessing.parent_process() is not None:
        if how == "while it counts":
            crews._equipment["counters"].lock.acquire()
        os._exit(9)
    end = monotonic() + LONG_S
    while monotonic() < end:
        if how == "before it takes a job":
            next(jobs)
        else:
            tell(1)
    raise AssertionError(f"nothing was noticed in {LONG_S} s")


@pytest.mark.parametrize("how", ["before it takes a job", "before it counts", "while it counts"])
def test_that_somebody_dies_is_noticed_before_the_others_are_done(how: str) -> None:
    with Processes(nowhere, 2) as crew, pytest.raises(Lost):
        crew.share(partial(killed_early, how), range(2**40), lambda _: None)


def connected(port: int, _place: Place, _jobs: Iterator[int], _tell: Tell) -> None:
    """One keeps a connection and is done; the other never is."""
    if multiprocessing.parent_process() is None:
        Event().wait()
    crews._equipment["connection"] = socket.create_connection(("127.0.0.1", port))


def ask_for_ever(port: int) -> None:
    with Processes(nowhere, 2) as crew:
        crew.share(partial(connected, port), [0], lambda _: None)


def test_if_whoever_asks_is_killed_the_others_end_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LONG_S)
        asking = f"from tests.workers.test_crew import ask_for_ever; ask_for_ever({server.getsockname()[1]})"
        with subprocess.Popen([sys.executable, "-c", asking]) as asker:
            other, _ = server.accept()
            asker.kill()
        with other:
            other.settimeout(LONG_S)
            assert other.recv(1) == b""
