"""Wait times between two tasks, in seconds: values for the `wait_time` of a user or task set.

Each function returns a method. Pacing is measured from the start of one task to the start of the next, so its method
stores that time on the user.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

#: A method of a user or task set that returns seconds.
WaitTime = Callable[[Any], float]


def between(min_wait: float, max_wait: float) -> WaitTime:
    """Returns a random wait, uniform from `min_wait` to `max_wait`."""
    return lambda user: min_wait + random.random() * (max_wait - min_wait)


def constant(wait_time: float) -> WaitTime:
    """Returns a fixed wait."""
    return lambda user: wait_time


def constant_pacing(wait_time: float) -> WaitTime:
    """Returns the remainder of `wait_time` since the task started; 0 if the task took longer."""

    def remainder_of_pace(user: Any) -> float:
        ran_s = perf_counter() - user._pace_started - user._pace_waited
        user._pace_waited = max(0, wait_time - ran_s)
        user._pace_started = perf_counter()
        return user._pace_waited

    return remainder_of_pace


def constant_throughput(task_runs_per_second: float) -> WaitTime:
    """Returns the pace at which each user runs this many tasks per second."""
    if task_runs_per_second <= 0:
        raise ValueError(f"constant_throughput() requires a positive rate, got: {task_runs_per_second}")
    return constant_pacing(1 / task_runs_per_second)


def poisson(rate: float) -> WaitTime:
    """Returns exponentially distributed waits, as between independent arrivals at `rate` per second."""
    if rate <= 0:
        raise ValueError(f"poisson() requires a positive rate, got: {rate}")
    return lambda user: random.expovariate(rate)
