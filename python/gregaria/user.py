"""Users: the classes that locustfiles derive from, in today's form (`HttpUser`) and in that of 0.7 (`HttpLocust`).

A user is one greenlet (`host.py` has the greenlets). Here is what it does from its first breath to its last, how it
waits, and when it lets others run.
"""

import logging
import time
from time import perf_counter

import gevent
from gevent import GreenletExit

from . import request_events as report
from . import task_errors as failure
from .client import HttpSession
from .exception import LocustError, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .task import DefaultTaskSet, _old_wait_s, collect_tasks
from .wait_time import constant

logger = logging.getLogger(__name__)


class UserMeta(type):
    """Collects the tasks of a class when it is made. A class is abstract only if it says so itself."""

    def __new__(mcs, name, bases, attributes):
        attributes["tasks"] = collect_tasks(bases, attributes)
        attributes.setdefault("abstract", False)
        return type.__new__(mcs, name, bases, attributes)


class User(metaclass=UserMeta):
    """One imagined visitor. Derive from it with tasks, a wait and, if it is no HttpUser, a client."""

    abstract = True
    host = None
    tasks = []
    wait_time = constant(0)
    weight = 1
    fixed_count = 0
    # 0.7: milliseconds, for users and task sets that say so; seconds that a user stays.
    min_wait = None
    max_wait = None
    wait_function = None
    stop_timeout = None
    #: The environment of the run; set before the first user comes.
    environment = None

    def __init__(self, environment=None):
        if environment is not None:
            self.environment = environment
        self._state = RUNNING
        #: Told to go: it does so before its next request or wait.
        self._leaving = False
        #: Says its farewell: what is left to do is done whatever it was told.
        self._is_parting = False
        #: It has waited for something since its last task began, so others have run.
        self._has_rested = False
        self._pace_started = perf_counter()
        self._pace_waited = 0
        self._taskset_instance = None

    def on_start(self):
        """Called first."""

    def on_stop(self):
        """Called last. At the end of a run no request starts any more."""

    def run(self):
        """A user's whole life. `StopTest` and `SystemExit` come out of it, as they are about more than this user."""
        try:
            try:
                self.on_start()
            except (StopUser, StopTest):
                raise
            except Exception as error:
                failure.of_task(self, error)
                return
            self._taskset_instance = self._outermost_task_set()
            self._taskset_instance.run()
        except (RescheduleTask, RescheduleTaskImmediately) as escaped:
            # Nobody is left to be rescheduled by.
            failure.of_task(self, LocustError("interrupt() outside of a nested TaskSet").with_traceback(escaped.__traceback__))
        except (GreenletExit, StopUser):
            self._say_farewell()
        except (StopTest, SystemExit):
            self._say_farewell()
            raise
        else:
            self._say_farewell()

    def wait(self):
        """Waits as between two tasks."""
        self._rest(self.wait_time())

    def context(self):
        """What listeners of requests are given as `context`."""
        return {}

    def stop(self, force=False):
        """Ends this user: before its next request or wait, or at once with `force`."""
        self._life.tell_to_leave()
        if force:
            self._life.cut()

    @property
    def greenlet(self):
        return self._life

    @classmethod
    def fullname(cls):
        return f"{cls.__module__}.{cls.__qualname__}"

    def _outermost_task_set(self):
        return DefaultTaskSet(self)

    def _say_farewell(self):
        self._is_parting = True
        try:
            self.on_stop()
        except (GreenletExit, StopUser, StopTest, SystemExit):
            pass
        except Exception as error:
            failure.of_task(self, error)

    def _rest(self, seconds):
        """Sleeps, and measures how late it wakes. Whoever is to leave does not come back."""
        if self._leaving and not self._is_parting:
            raise GreenletExit()
        if seconds > 0:
            self._state = WAITING
            due = perf_counter() + seconds
            try:
                gevent.sleep(seconds)
            finally:
                self._state = RUNNING
            self._has_rested = False
            if report.hub is not None:
                report.hub.waited(perf_counter() - due)
        else:
            self._breathe()

    def _breathe(self):
        """Lets others run when the last task has not: a user without waits must not keep the thread."""
        if not self._has_rested:
            gevent.sleep(0)
        self._has_rested = False


    def _let_go(self):
        """Breaks the circles that it is part of: its connections are to be closed when it goes, not when a collector comes."""
        self._life = self._taskset_instance = None
        client = vars(self).get("client")
        if isinstance(client, HttpSession):
            client.user = None


class HttpUser(User):
    """A user with an HTTP client: `self.client`."""

    abstract = True
    pool_manager = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        if self.host is None:
            raise StopTest("the host is missing: give it with --host or as the class's host attribute")
        self.client = HttpSession(self.host, request_event=report.request, user=self)


class FastHttpUser(HttpUser):
    """Every user here is fast; the name is for locustfiles that say so."""

    abstract = True


class NoClient:
    """What stands in for the client of a user that has none."""

    def __getattr__(self, _name):
        raise LocustError("No client instantiated. Did you intend to inherit from HttpLocust?")


class Locust(User):
    """The user of 0.7: `task_set`, and waits in milliseconds."""

    abstract = True
    task_set = None
    min_wait = 1000
    max_wait = 1000
    weight = 10
    client = NoClient()

    def wait_time(self):
        return _old_wait_s(self, self)

    def _outermost_task_set(self):
        return self.task_set(self) if self.task_set else DefaultTaskSet(self)


class HttpLocust(Locust, HttpUser):
    """The HTTP user of 0.7."""

    abstract = True


RUNNING = "running"
WAITING = "waiting"
