"""What becomes of work that is shared when somebody who shares it ends."""

import multiprocessing
import os
from collections.abc import Iterator

import pytest

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
