"""Environments: run state, hooks and users belong to one of them, also if a process has several."""

from argparse import Namespace

import pytest
from gregaria import task_errors
from gregaria.client import HttpSession
from gregaria.environment import Environment
from gregaria.event import events
from gregaria.exception import LocustError
from gregaria.scheduler import UserScheduler
from gregaria.user import Locust, User


class CountingBridge:
    """A stand-in for the engine bridge that keeps the names and messages it is told to record."""

    def __init__(self):
        self.recorded = []

    def record_request(self, _request_type, name, *_):
        self.recorded.append(name)

    def record_exception(self, message, _traceback):
        self.recorded.append(message)


class Visitor(User):
    pass


class OldVisitor(Locust):
    #: A 0.7 locustfile may use the name, which had no meaning then.
    environment = "staging"


def environment():
    """Creates an environment without a run, as the command does for its own."""
    names = ("host", "tags", "exclude_tags", "stop_timeout", "reset_stats", "locustfile")
    return Environment([Visitor, OldVisitor], Namespace(**dict.fromkeys(names)))


def scheduler(of):
    """Creates the scheduler of a run that has no engine."""
    return UserScheduler(of, of.user_classes, None, CountingBridge())


def test_environments_have_separate_run_state():
    one, other, without_run = environment(), environment(), environment()
    for of in (one, other):
        scheduler(of)
    assert one.run_state is not other.run_state and without_run.run_state is None
    for name, of in (("one", one), ("other", other), ("without run", without_run)):
        of.events.request.fire(request_type="X", name=name, response_time=1)
        task_errors.report_error(of, None, ValueError(f"error of {name}"))
    assert one.run_state.bridge.recorded == ["one", "error of one"]
    assert other.run_state.bridge.recorded == ["other", "error of other"]
    assert not one.run_state.first_errors.keys() & other.run_state.first_errors.keys()


def test_environments_have_separate_hooks():
    one, other = environment(), environment()
    one.events.request.add_listener(lambda **_: 1 / 0)
    for of in (one, other):
        of.events.request.fire(request_type="X", name="x", response_time=1)
    assert [of.has_request_listeners for of in (one.events, other.events, events)] == [True, False, False]
    assert [of.listener_failed for of in (one.events, other.events, events)] == [True, False, False]


def test_user_belongs_to_the_run_that_created_it():
    for of in (environment(), environment()):
        users = scheduler(of)
        new, old = users.make_user(0), users.make_user(1)
        assert new.environment is of and old.environment == "staging"
        for user in (new, old):
            user.on_start = lambda: int("x")
            user.run()
        assert len(of.run_state.bridge.recorded) == 2, "errors are counted in the user's own run"


def test_client_belongs_to_the_run_of_its_hook():
    running, without_run = environment(), environment()
    scheduler(running)
    with pytest.raises(LocustError):
        HttpSession("http://127.0.0.1:1", without_run.events.request)
    with pytest.raises(TypeError, match="CountingBridge"):
        HttpSession("http://127.0.0.1:1", running.events.request)
