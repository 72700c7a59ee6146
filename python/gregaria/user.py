"""Users: the classes that locustfiles derive from, in the current form (`HttpUser`) and that of 0.7 (`HttpLocust`).

Each user runs in a greenlet of its own (`scheduler.py`). This file has the lifecycle of a user from `on_start` to
`on_stop`, its waits, and the points at which it yields to other users.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar, cast

import gevent
from gevent import GreenletExit

from . import task_errors
from .client import HttpSession
from .event import events
from .exception import LocustError, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .task import DefaultTaskSet, Task, TaskSet, collect_tasks, wait_time_0_7_s
from .wait_time import WaitTime, constant

if TYPE_CHECKING:
    from .environment import Environment
    from .scheduler import UserGreenlet

RUNNING = "running"
WAITING = "waiting"


class UserMeta(type):
    """Collects the tasks of a class when it is made. A class is abstract only if it sets `abstract` itself."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> UserMeta:
        attributes["tasks"] = collect_tasks(bases, attributes)
        attributes.setdefault("abstract", False)
        return type.__new__(mcs, name, bases, attributes)


class User(metaclass=UserMeta):
    """A simulated visitor. A subclass adds tasks, a wait and, if it is not an `HttpUser`, a client of its own."""

    #: Whether the class only serves as a base of others.
    abstract: bool = True
    #: The base URL of the target. `--host` replaces it.
    host: str | None = None
    #: Tasks, each of them as often as its weight, or a mapping from task to weight. Methods marked with `@task` are
    #: added.
    tasks: Sequence[Task | tuple[Task, int]] | Mapping[Task, int] = []
    #: Returns the seconds to wait between two tasks.
    wait_time: ClassVar[WaitTime] = constant(0)
    #: The share of users of this class, relative to the other classes.
    weight: int | float = 1
    #: The number of users of this class; 0 lets `weight` decide.
    fixed_count: int = 0
    # 0.7: milliseconds, for users and task sets that set them; seconds after which a user leaves a task set.
    min_wait: int | None = None
    max_wait: int | None = None
    wait_function: ClassVar[WaitTime | None] = None
    stop_timeout: float | None = None
    #: The environment of the run, set before the constructor is called. `environment` may be an attribute of a 0.7
    #: locustfile's own.
    _environment: Environment | None = None

    if TYPE_CHECKING:
        #: Set by subclasses.
        client: Any

    def __init__(self, environment: Environment | None = None) -> None:
        if environment is not None:
            self.environment = environment
        # A user that a locustfile creates without an environment belongs to the run of the command.
        self._environment = self._environment or environment or events.environment
        self._state = RUNNING
        #: Whether the user was asked to stop. It does so before its next request or wait.
        self._stop_requested = False
        #: Whether `on_stop` runs. Requests and waits go on then.
        self._in_on_stop = False
        #: Whether the user has waited since its last task started, so that other users could run.
        self._yielded = False
        self._pace_started = perf_counter()
        self._pace_waited: float = 0
        self._taskset_instance: TaskSet | None = None
        self._greenlet: UserGreenlet | None

    @cached_property
    def environment(self) -> Environment:
        """The environment of the run."""
        return cast("Environment", self._environment)

    def on_start(self) -> None:
        """Called before the first task."""

    def on_stop(self) -> None:
        """Called after the last task. At the end of a run no request is sent any more."""

    def run(self) -> None:
        """Runs the user from `on_start` to `on_stop`.

        `StopTest` and `SystemExit` are raised, because they end the run.
        """
        try:
            try:
                self.on_start()
            except (StopUser, StopTest):
                raise
            except Exception as error:
                task_errors.report_error(self._environment, self, error)
                return
            self._taskset_instance = self._outermost_task_set()
            self._taskset_instance.run()
        except (RescheduleTask, RescheduleTaskImmediately) as escaped:
            # The outermost task set has no parent that could reschedule.
            misuse = LocustError("interrupt() outside of a nested TaskSet")
            task_errors.report_error(self._environment, self, misuse.with_traceback(escaped.__traceback__))
        except (GreenletExit, StopUser):
            self._run_on_stop()
        except (StopTest, SystemExit):
            self._run_on_stop()
            raise
        else:
            self._run_on_stop()

    def wait(self) -> None:
        """Waits as between two tasks."""
        self._wait(self.wait_time())

    def context(self) -> dict[str, Any]:
        """Returns the `context` that listeners of requests receive."""
        return {}

    def stop(self, force: bool = False) -> None:
        """Ends this user: before its next request or wait, or at once with `force`."""
        greenlet = cast("UserGreenlet", self._greenlet)
        greenlet.request_stop()
        if force:
            greenlet.abort()

    @property
    def greenlet(self) -> UserGreenlet | None:
        """The greenlet of this user."""
        return self._greenlet

    @classmethod
    def fullname(cls) -> str:
        """Returns module and name of the class."""
        return f"{cls.__module__}.{cls.__qualname__}"

    def _outermost_task_set(self) -> TaskSet:
        return DefaultTaskSet(self)

    def _run_on_stop(self) -> None:
        self._in_on_stop = True
        try:
            self.on_stop()
        except (GreenletExit, StopUser, StopTest, SystemExit):
            pass
        except Exception as error:
            task_errors.report_error(self._environment, self, error)

    def _wait(self, seconds: float) -> None:
        """Sleeps and records how late the user wakes. A user that was asked to stop ends instead."""
        if self._stop_requested and not self._in_on_stop:
            raise GreenletExit()
        if seconds > 0:
            self._state = WAITING
            due = perf_counter() + seconds
            try:
                gevent.sleep(seconds)
            finally:
                self._state = RUNNING
            self._yielded = False
            run_state = self._environment.run_state if self._environment else None
            if run_state is not None:
                run_state.bridge.record_wait_lag(perf_counter() - due)
        else:
            self._yield()

    def _yield(self) -> None:
        """Lets other users run unless the last task has waited: a user without waits must not keep the thread."""
        if not self._yielded:
            gevent.sleep(0)
        self._yielded = False

    def _release(self) -> None:
        """Breaks the reference cycles of this user, so that its connections are closed now and not by the collector."""
        self._greenlet = self._taskset_instance = None
        client = vars(self).get("client")
        if isinstance(client, HttpSession):
            client.user = None


class HttpUser(User):
    """A user with an HTTP client: `self.client`."""

    abstract = True
    pool_manager: object = None
    client: HttpSession

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise StopTest("the host is missing: give it with --host or as the class's host attribute")
        self.client = HttpSession(self.host, user=self)


class FastHttpUser(HttpUser):
    """The same as `HttpUser`, for locustfiles that name Locust's faster client."""

    abstract = True


class NoClient:
    """The client of a user without one."""

    def __getattr__(self, _name: str) -> Any:
        raise LocustError("No client instantiated. Did you intend to inherit from HttpLocust?")


class Locust(User):
    """The user of 0.7: `task_set`, and waits in milliseconds."""

    abstract = True
    task_set: type[TaskSet] | None = None
    min_wait = 1000
    max_wait = 1000
    weight = 10
    client: Any = NoClient()

    def wait_time(self) -> float:
        return wait_time_0_7_s(self, self)

    def _outermost_task_set(self) -> TaskSet:
        return self.task_set(self) if self.task_set else DefaultTaskSet(self)


class HttpLocust(Locust, HttpUser):
    """The HTTP user of 0.7."""

    abstract = True
