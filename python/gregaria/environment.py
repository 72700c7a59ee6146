"""The run as a locustfile sees it: `environment`, its `runner` and its `stats`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ._engine import CommandLine, Run
from .event import Events

if TYPE_CHECKING:
    from .run_state import RunState
    from .user import User


class Environment:
    """The environment of a run, as users and listeners of `init` receive it."""

    def __init__(
        self, user_classes: list[type[User]], parsed_options: argparse.Namespace, events: Events | None = None
    ) -> None:
        self.user_classes = user_classes
        self.user_classes_by_name = {user_class.__name__: user_class for user_class in user_classes}
        self.parsed_options = parsed_options
        #: The hooks of the run. Those of the command are `locust.events`.
        self.events = events or Events()
        self.events.environment = self
        #: The state of the run; `None` before its users may start.
        self.run_state: RunState | None = None
        self.host: str | None = parsed_options.host
        self.tags: list[str] | None = parsed_options.tags
        self.exclude_tags: list[str] | None = parsed_options.exclude_tags
        self.stop_timeout: float | None = parsed_options.stop_timeout
        self.reset_stats: bool = parsed_options.reset_stats
        self.locustfile: str | None = parsed_options.locustfile
        self.catch_exceptions = True
        #: The exit code that the locustfile requests; `None` lets the run decide.
        self.process_exit_code: int | None = None
        self.runner: Runner | None = None
        self.shape_class: object = None
        self.web_ui: object = None

    @property
    def stats(self) -> RequestStats:
        """The statistics of the run."""
        return self.runner.stats if self.runner else None  # type: ignore[return-value]


def options(command_line: CommandLine, custom: Mapping[str, Any]) -> argparse.Namespace:
    """Returns `parsed_options`: the options under Locust's names, and the locustfile's own arguments."""
    return argparse.Namespace(**json.loads(command_line.options()), **custom)


class Runner:
    """A run that Python controls and reads."""

    def __init__(self, environment: Environment, run: Run) -> None:
        self.environment = environment
        self._run = run
        self.stats = RequestStats(run)

    @property
    def state(self) -> str:
        """One of the names in `STATES`."""
        return self._run.state

    @property
    def user_count(self) -> int:
        """The number of users."""
        return self._run.user_count

    @property
    def target_user_count(self) -> int:
        """The number of users after the current ramp."""
        return self._run.target_user_count

    @property
    def user_classes_count(self) -> dict[str, int]:
        """The number of users per class."""
        names = (user_class.__name__ for user_class in self.environment.user_classes)
        return dict(zip(names, self._run.users_per_class, strict=False))

    def start(self, user_count: int, spawn_rate: float, wait: bool = False) -> None:
        """Changes the number of users at `spawn_rate` users per second."""
        self._run.spawn(user_count, float(spawn_rate))

    def stop(self) -> None:
        """Ends the run."""
        self._run.stop()

    def quit(self) -> None:
        """Ends the run."""
        self._run.stop()


class LocalRunner(Runner):
    """The runner of a run in one process."""


class MasterRunner(Runner):
    """Not instantiated yet. Locustfiles test whether their runner is one."""


class WorkerRunner(Runner):
    """Not instantiated yet. Locustfiles test whether their runner is one."""


STATE_INIT = "ready"
STATE_SPAWNING = "spawning"
STATE_RUNNING = "running"
STATE_CLEANUP = "cleanup"
STATE_STOPPING = "stopping"
STATE_STOPPED = "stopped"
STATE_MISSING = "missing"
#: The states of a run, by the names of their constants in Locust.
STATES = {name: value for name, value in globals().items() if name.startswith("STATE_")}


class RequestStats:
    """The statistics of the run, at most about 100 ms old."""

    def __init__(self, run: Run) -> None:
        self._run = run

    @property
    def total(self) -> StatsEntry:
        """The entry of all requests together."""
        return StatsEntry(self._run, "", None)

    @property
    def entries(self) -> dict[tuple[str, str], StatsEntry]:
        """The entries by name and method."""
        return {(name, method): StatsEntry(self._run, method, name) for method, name in self._run.entry_keys()}

    def get(self, name: str, method: str) -> StatsEntry:
        """Returns an entry. One without requests has the value 0 everywhere."""
        return StatsEntry(self._run, method, name)

    @property
    def num_requests(self) -> int:
        return self.total.num_requests

    @property
    def num_failures(self) -> int:
        return self.total.num_failures

    def reset_all(self) -> None:
        """Discards all measurements."""
        self._run.reset_stats()


class StatsEntry:
    """One entry of the statistics. Times are in milliseconds."""

    if TYPE_CHECKING:
        avg_content_length: float
        avg_response_time: float
        current_fail_per_sec: float
        current_rps: float
        max_response_time: float
        min_response_time: float
        total_fail_per_sec: float
        total_rps: float

    VALUES = {
        "avg_content_length",
        "avg_response_time",
        "current_fail_per_sec",
        "current_rps",
        "max_response_time",
        "min_response_time",
        "total_fail_per_sec",
        "total_rps",
    }

    def __init__(self, run: Run, method: str, name: str | None) -> None:
        self._run, self.method, self._name = run, method, name

    @property
    def name(self) -> str:
        return "Aggregated" if self._name is None else self._name

    @property
    def fail_ratio(self) -> float:
        """The share of failures, from 0 to 1."""
        return self.num_failures / self.num_requests if self.num_requests else 0.0

    @property
    def num_requests(self) -> int:
        return int(self._value("num_requests"))

    @property
    def num_failures(self) -> int:
        return int(self._value("num_failures"))

    @property
    def median_response_time(self) -> float:
        return self.get_response_time_percentile(0.5)

    def get_response_time_percentile(self, percent: float) -> float:
        """Returns a percentile of the response times; `percent` is from 0 to 1."""
        return self._run.percentile(percent, self.method, self._name)

    def __getattr__(self, name: str) -> float:
        if name in StatsEntry.VALUES:
            return self._value(name)
        raise AttributeError(f"'StatsEntry' object has no attribute {name!r}")

    def _value(self, name: str) -> float:
        entry = self._run.entry(self.method, self._name)
        return entry[name] if entry else 0
