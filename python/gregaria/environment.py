"""What a locustfile sees of the run it is in: `environment`, its `runner` and its `stats`."""

import argparse
import json

from . import request_events as report


class Environment:
    """The run's surroundings, as listeners of `init` and users are given it."""

    def __init__(self, user_classes, parsed_options):
        self.user_classes = user_classes
        self.user_classes_by_name = {user_class.__name__: user_class for user_class in user_classes}
        self.parsed_options = parsed_options
        self.events = report.events
        self.host = parsed_options.host
        self.tags = parsed_options.tags
        self.exclude_tags = parsed_options.exclude_tags
        self.stop_timeout = parsed_options.stop_timeout
        self.reset_stats = parsed_options.reset_stats
        self.locustfile = parsed_options.locustfile
        self.catch_exceptions = True
        self.process_exit_code = None
        self.runner = None
        self.shape_class = None
        self.web_ui = None

    @property
    def stats(self):
        return self.runner.stats if self.runner else None


def options(command_line, extra):
    """`parsed_options`: what was given under the names of Locust, and the locustfile's own arguments."""
    return argparse.Namespace(**json.loads(command_line.options()), **extra)


class Runner:
    """A run, steered and read from Python."""

    def __init__(self, environment, run):
        self.environment = environment
        self._run = run
        self.stats = RequestStats(run)

    @property
    def state(self):
        return self._run.state

    @property
    def user_count(self):
        return self._run.user_count

    @property
    def target_user_count(self):
        return self._run.target_user_count

    @property
    def user_classes_count(self):
        """Users of each class."""
        names = (user_class.__name__ for user_class in self.environment.user_classes)
        return dict(zip(names, self._run.users_per_class))

    def start(self, user_count, spawn_rate, wait=False):
        self._run.spawn(user_count, float(spawn_rate))

    def stop(self):
        self._run.stop()

    def quit(self):
        self._run.stop()


class LocalRunner(Runner):
    """The runner of a run in one process."""


class MasterRunner(Runner):
    """There is none yet; locustfiles ask whether theirs is one."""


class WorkerRunner(Runner):
    """There is none yet; locustfiles ask whether theirs is one."""


#: The states of a run, under the names by which locustfiles ask for them.
STATES = {f"STATE_{state.upper()}": state for state in ("spawning", "running", "cleanup", "stopping", "stopped", "missing")}
STATES["STATE_INIT"] = "ready"


class RequestStats:
    """The statistics of the run, some 100 ms old."""

    def __init__(self, run):
        self._run = run

    @property
    def total(self):
        return StatsEntry(self._run, "", None)

    @property
    def entries(self):
        return {(name, method): StatsEntry(self._run, method, name) for method, name in self._run.rows()}

    def get(self, name, method):
        return StatsEntry(self._run, method, name)

    @property
    def num_requests(self):
        return self.total.num_requests

    @property
    def num_failures(self):
        return self.total.num_failures

    def reset_all(self):
        self._run.reset_stats()


class StatsEntry:
    """One row; times in milliseconds."""

    VALUES = {
        "avg_content_length",
        "avg_response_time",
        "current_rps",
        "max_response_time",
        "min_response_time",
        "total_rps",
    }

    def __init__(self, run, method, name):
        self._run, self.method, self._name = run, method, name

    @property
    def name(self):
        return "Aggregated" if self._name is None else self._name

    @property
    def fail_ratio(self):
        return self.num_failures / self.num_requests if self.num_requests else 0.0

    @property
    def num_requests(self):
        return int(self._value("num_requests"))

    @property
    def num_failures(self):
        return int(self._value("num_failures"))

    @property
    def median_response_time(self):
        return self.get_response_time_percentile(0.5)

    def get_response_time_percentile(self, percent):
        return self._run.percentile(percent, self.method, self._name)

    def __getattr__(self, name):
        if name in StatsEntry.VALUES:
            return self._value(name)
        raise AttributeError(f"'StatsEntry' object has no attribute {name!r}")

    def _value(self, name):
        row = self._run.row(self.method, self._name)
        return row[name] if row else 0
