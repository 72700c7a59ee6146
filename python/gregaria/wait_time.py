"""How long a user waits between two tasks, in seconds: values for `wait_time`.

Each function gives a method of the user (or task set). Pacing is measured from the start of a task to the start of the
next, so it remembers on the user when that was.
"""

import random
from time import perf_counter


def between(min_wait, max_wait):
    """A random time, every one as likely."""
    return lambda user: min_wait + random.random() * (max_wait - min_wait)


def constant(wait_time):
    """Always the same."""
    return lambda user: wait_time


def constant_pacing(wait_time):
    """What is left of `wait_time` since the task began; nothing when it took longer."""

    def left_of_pace(user):
        ran_s = perf_counter() - user._pace_started - user._pace_waited
        user._pace_waited = max(0, wait_time - ran_s)
        user._pace_started = perf_counter()
        return user._pace_waited

    return left_of_pace


def constant_throughput(task_runs_per_second):
    """The pace of so many tasks a second for each user."""
    if task_runs_per_second <= 0:
        raise ValueError(f"constant_throughput() requires a positive rate, got: {task_runs_per_second}")
    return constant_pacing(1 / task_runs_per_second)


def poisson(rate):
    """Random times as between arrivals that do not know of each other, `rate` a second on average."""
    if rate <= 0:
        raise ValueError(f"poisson() requires a positive rate, got: {rate}")
    return lambda user: random.expovariate(rate)
