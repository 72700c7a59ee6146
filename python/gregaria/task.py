"""Tasks and task sets: which task a user runs next, and what becomes of it when one ends, is interrupted or fails."""

import logging
import random
import time
from collections import deque
from time import perf_counter
from types import FunctionType

import gevent
from gevent import GreenletExit

from . import task_errors as failure
from .exception import (
    InterruptTaskSet,
    LocustError,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

logger = logging.getLogger(__name__)


def task(weight=1):
    """Marks a method or a nested task set as a task, `weight` times as likely as others: `@task` or `@task(3)`."""

    def mark(target):
        if target.__name__ in ("on_start", "on_stop"):
            logger.warning("%s is marked as a task, and will run as one besides", target.__name__)
        if target.__name__ == "run":
            raise LocustError("run is what runs the tasks, and cannot be one")
        target.locust_task_weight = weight
        return target

    if callable(weight):
        target, weight = weight, 1
        return mark(target)
    return mark


def tag(*tags):
    """Names tasks, to be chosen with --tags and left out with --exclude-tags."""
    if not tags or callable(tags[0]):
        raise ValueError("No tag name was supplied")

    def mark(target):
        if hasattr(target, "tasks"):
            target.tasks = [mark(task) for task in target.tasks]
            return target
        target.locust_tag_set = getattr(target, "locust_tag_set", set()) | set(tags)
        return target

    return mark


def collect_tasks(bases, attributes):
    """All tasks of a class in a list, each as often as its weight: inherited, from `tasks`, and marked."""
    tasks = []
    for base in bases:
        tasks += getattr(base, "tasks", None) or []
    own = attributes.get("tasks") or []
    for item in own.items() if isinstance(own, dict) else own:
        if isinstance(item, tuple):
            tasks += [item[0]] * item[1]
        else:
            tasks.append(item)
    for value in attributes.values():
        # Not by asking for it: a stand-in may have every attribute.
        if "locust_task_weight" in dir(value):
            tasks += [value] * value.locust_task_weight
    return tasks


class TaskSetMeta(type):
    """Collects the tasks of a class when it is made."""

    def __new__(mcs, name, bases, attributes):
        attributes["tasks"] = collect_tasks(bases, attributes)
        return type.__new__(mcs, name, bases, attributes)


class TaskSet(metaclass=TaskSetMeta):
    """Weighted tasks, and task sets among them. A user in a task set stays there until `interrupt()`."""

    tasks = []
    min_wait = None
    max_wait = None
    wait_function = None

    def __init__(self, parent):
        self._parent = parent
        self._user = parent._user if isinstance(parent, TaskSet) else parent
        if not hasattr(self._user, "_state"):
            raise LocustError("a TaskSet belongs to a user or to another TaskSet")
        self._task_queue = deque()
        self._entered_at = time.time()
        self._pace_started = perf_counter()
        self._pace_waited = 0

    @property
    def user(self):
        return self._user

    #: What 0.7 calls the user.
    locust = user

    @property
    def parent(self):
        return self._parent

    @property
    def client(self):
        return self._user.client

    def on_start(self):
        """Called when a user enters."""

    def on_stop(self):
        """Called when a user leaves, however that comes about."""

    def run(self, *args, **kwargs):
        """Runs tasks until something ends that."""
        self.args, self.kwargs = args, kwargs
        try:
            self.on_start()
        except InterruptTaskSet as interrupt:
            raise _rescheduling(interrupt) from None
        try:
            self._run_tasks()
        except InterruptTaskSet as interrupt:
            self._say_farewell()
            raise _rescheduling(interrupt) from None
        except (StopUser, StopTest, GreenletExit, SystemExit):
            self._say_farewell()
            raise
        else:
            self._say_farewell()

    def _run_tasks(self):
        queue, user = self._task_queue, self._user
        while not (user.stop_timeout and self._stays_too_long(user.stop_timeout)):
            try:
                if user._leaving:
                    raise GreenletExit()
                try:
                    if queue:
                        self.execute_next_task()
                    else:
                        self.execute_task(self.get_next_task())
                except RescheduleTaskImmediately:
                    user._breathe()
                    continue
                except RescheduleTask:
                    pass
                self.wait()
            except (InterruptTaskSet, StopUser, StopTest, GreenletExit):
                raise
            except Exception as error:
                failure.of_task(self, error)
                self.wait()

    def _stays_too_long(self, stop_timeout):
        """0.7: a class may say for how many seconds its users stay in a task set."""
        return time.time() - self._entered_at > stop_timeout

    def _say_farewell(self):
        try:
            self.on_stop()
        except (StopUser, StopTest, GreenletExit):
            raise
        except Exception as error:
            failure.of_task(self, error)

    def execute_next_task(self):
        queued = self._task_queue.popleft()
        if queued.__class__ is _WithArguments:
            self.execute_task(queued.callable, *queued.args, **queued.kwargs)
        else:
            self.execute_task(queued)

    def execute_task(self, task, *args, **kwargs):
        # Nearly always; a call that passes arguments on takes more of a greenlet's stack.
        if task.__class__ is FunctionType and not (args or kwargs):
            task(self)
        elif getattr(task, "__self__", None) is self:
            task(*args, **kwargs)
        elif isinstance(task, type) and issubclass(task, TaskSet):
            task(self).run(*args, **kwargs)
        else:
            task(self, *args, **kwargs)

    def schedule_task(self, task_callable, args=None, kwargs=None, first=False):
        """Runs this task before any picked one; with `first` before those scheduled earlier, too."""
        if args is True or args is False:
            # Today's second argument.
            args, first = None, args
        queued = _WithArguments(task_callable, args or (), kwargs or {}) if args or kwargs else task_callable
        if first:
            self._task_queue.appendleft(queued)
        else:
            self._task_queue.append(queued)

    def get_next_task(self):
        return _pick(self.tasks, self)

    def wait_time(self):
        """Seconds to wait before the next task."""
        if self.min_wait or self.max_wait or self.wait_function:
            return _old_wait_s(self, self._user)
        return self._user.wait_time()

    def wait(self):
        """Waits between two tasks. A user that is to leave does so here."""
        self._user._rest(self.wait_time())

    def interrupt(self, reschedule=True):
        """Leaves this task set; the parent goes on at once, or after a wait."""
        raise InterruptTaskSet(reschedule)


class SequentialTaskSet(TaskSet):
    """Runs its tasks in the order in which they are declared, again and again."""

    def __init__(self, parent):
        super().__init__(parent)
        self._next = 0

    def get_next_task(self):
        if not self.tasks:
            return _pick(self.tasks, self)
        task = self.tasks[self._next % len(self.tasks)]
        self._next += 1
        return task


class DefaultTaskSet(TaskSet):
    """What a user without task set of its own is in: the tasks of the user, called with it."""

    def get_next_task(self):
        return _pick(self._user.tasks, self._user)

    def execute_task(self, task, *args, **kwargs):
        if task.__class__ is FunctionType and not (args or kwargs):
            task(self._user)
        elif isinstance(task, type) and issubclass(task, TaskSet):
            task(self._user).run(*args, **kwargs)
        else:
            task(self._user, *args, **kwargs)

    def wait_time(self):
        return self._user.wait_time()


class _WithArguments:
    def __init__(self, callable, args, kwargs):
        self.callable, self.args, self.kwargs = callable, args, kwargs


def _pick(tasks, owner, random=random.random):
    if not tasks:
        raise LocustError(f"No tasks defined on {type(owner).__name__}: use the @task decorator or set its tasks attribute")
    return tasks[int(random() * len(tasks))]


def _old_wait_s(task_set, user):
    """0.7: milliseconds; what the task set does not say, the user's class does, never the parent task set."""
    wait_function = task_set.wait_function or user.wait_function
    if wait_function:
        return wait_function(task_set) / 1000
    min_wait, max_wait = task_set.min_wait or user.min_wait, task_set.max_wait or user.max_wait
    if min_wait is None or max_wait is None:
        raise MissingWaitTimeError("min_wait and max_wait belong together")
    return random.randint(min_wait, max_wait) / 1000


def _rescheduling(interrupt):
    """What the parent sees of an interrupt."""
    return RescheduleTaskImmediately() if interrupt.reschedule else RescheduleTask()
