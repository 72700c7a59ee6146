"""Tasks and task sets: the choice of a user's next task, and the steps after a task ends, is interrupted or fails."""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import perf_counter
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, cast, overload

from gevent import GreenletExit

from . import task_errors
from .exception import (
    InterruptTaskSet,
    LocustError,
    MissingWaitTimeError,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)
from .wait_time import WaitTime

if TYPE_CHECKING:
    from .user import User

logger = logging.getLogger(__name__)

#: A function or method that takes the user or task set, or a nested task set.
Task = Callable[..., Any]
Marked = TypeVar("Marked", bound=Task)


@overload
def task(weight: Marked, /) -> Marked: ...
@overload
def task(weight: int = 1) -> Callable[[Marked], Marked]: ...
def task(weight: Any = 1) -> Any:
    """Marks a method or nested task set as a task, chosen `weight` times as often as others: `@task` or `@task(3)`."""

    def mark(target: Any) -> Any:
        if target.__name__ in ("on_start", "on_stop"):
            logger.warning("%s is marked with @task: it also runs as a task", target.__name__)
        if target.__name__ == "run":
            raise LocustError("the method run cannot be a task: it runs the tasks")
        target.locust_task_weight = weight
        return target

    if callable(weight):
        target, weight = weight, 1
        return mark(target)
    return mark


def tag(*tags: str) -> Callable[[Marked], Marked]:
    """Tags a task or task set, to be selected with --tags or left out with --exclude-tags."""
    if not tags or callable(tags[0]):
        raise ValueError("No tag name was supplied")

    def mark(target: Any) -> Any:
        if hasattr(target, "tasks"):
            target.tasks = [mark(task) for task in target.tasks]
            return target
        target.locust_tag_set = getattr(target, "locust_tag_set", set()) | set(tags)
        return target

    return mark


def collect_tasks(bases: Iterable[type], attributes: Mapping[str, Any]) -> list[Task]:
    """Returns all tasks of a class, each as often as its weight: inherited ones, those in `tasks`, and marked
    methods.
    """
    tasks: list[Task] = []
    for base in bases:
        tasks += getattr(base, "tasks", None) or []
    own = attributes.get("tasks") or []
    for item in own.items() if isinstance(own, dict) else own:
        if isinstance(item, tuple):
            tasks += [item[0]] * item[1]
        else:
            tasks.append(item)
    for value in attributes.values():
        # `hasattr` would be true for a mock object that has every attribute.
        if "locust_task_weight" in dir(value):
            tasks += [value] * value.locust_task_weight
    return tasks


class TaskSetMeta(type):
    """Collects the tasks of a class when it is made."""

    def __new__(mcs, name: str, bases: tuple[type, ...], attributes: dict[str, Any]) -> TaskSetMeta:
        attributes["tasks"] = collect_tasks(bases, attributes)
        return type.__new__(mcs, name, bases, attributes)


class TaskSet(metaclass=TaskSetMeta):
    """Weighted tasks and nested task sets. A user that enters a task set stays there until `interrupt()`."""

    #: Tasks, each of them as often as its weight, or a mapping from task to weight. Methods marked with `@task` are
    #: added.
    tasks: Sequence[Task | tuple[Task, int]] | Mapping[Task, int] = []
    # 0.7: milliseconds.
    min_wait: int | None = None
    max_wait: int | None = None
    wait_function: ClassVar[WaitTime | None] = None

    def __init__(self, parent: User | TaskSet) -> None:
        self._parent = parent
        self._user: User = parent._user if isinstance(parent, TaskSet) else parent
        if not hasattr(self._user, "_state"):
            raise LocustError("a TaskSet belongs to a user or to another TaskSet")
        self._task_queue: deque[Any] = deque()
        self._entered_at = time.time()
        self._pace_started = perf_counter()
        self._pace_waited: float = 0

    @property
    def user(self) -> User:
        """The user that runs this task set."""
        return self._user

    #: The name of `user` in 0.7.
    locust = user

    @property
    def parent(self) -> User | TaskSet:
        """The task set that contains this one, or the user."""
        return self._parent

    if TYPE_CHECKING:
        #: The client of the user. A task set for HTTP users may declare it again as `HttpSession`.
        client: Any
    else:

        @property
        def client(self):
            return self._user.client

    def on_start(self) -> None:
        """Called when a user enters."""

    def on_stop(self) -> None:
        """Called when a user leaves, for any reason."""

    def run(self, *args: Any, **kwargs: Any) -> None:
        """Runs tasks until the user leaves."""
        self.args, self.kwargs = args, kwargs
        try:
            self.on_start()
        except InterruptTaskSet as interrupt:
            raise _rescheduling(interrupt) from None
        try:
            self._run_tasks()
        except InterruptTaskSet as interrupt:
            self._run_on_stop()
            raise _rescheduling(interrupt) from None
        except (StopUser, StopTest, GreenletExit, SystemExit):
            self._run_on_stop()
            raise
        else:
            self._run_on_stop()

    def _run_tasks(self) -> None:
        queue, user = self._task_queue, self._user
        while not (user.stop_timeout and self._is_past(user.stop_timeout)):
            try:
                if user._stop_requested:
                    raise GreenletExit()
                try:
                    if queue:
                        self.execute_next_task()
                    else:
                        self.execute_task(self.get_next_task())
                except RescheduleTaskImmediately:
                    user._yield()
                    continue
                except RescheduleTask:
                    pass
                self.wait()
            except (InterruptTaskSet, StopUser, StopTest, GreenletExit):
                raise
            except Exception as error:
                task_errors.report_error(self._user._environment, self, error)
                self.wait()

    def _is_past(self, stop_timeout: float) -> bool:
        """Returns `True` once the user has been in this task set for the `stop_timeout` seconds of 0.7."""
        return time.time() - self._entered_at > stop_timeout

    def _run_on_stop(self) -> None:
        try:
            self.on_stop()
        except (StopUser, StopTest, GreenletExit):
            raise
        except Exception as error:
            task_errors.report_error(self._user._environment, self, error)

    def execute_next_task(self) -> None:
        """Runs the first scheduled task."""
        queued = self._task_queue.popleft()
        if queued.__class__ is _ScheduledCall:
            self.execute_task(queued.callable, *queued.args, **queued.kwargs)
        else:
            self.execute_task(queued)

    def execute_task(self, task: Task, *args: Any, **kwargs: Any) -> None:
        """Runs a function, a bound method or a nested task set."""
        # The usual case. A call that passes arguments on takes more of a greenlet's stack.
        if task.__class__ is FunctionType and not (args or kwargs):
            task(self)
        elif getattr(task, "__self__", None) is self:
            task(*args, **kwargs)
        elif isinstance(task, type) and issubclass(task, TaskSet):
            task(self).run(*args, **kwargs)
        else:
            task(self, *args, **kwargs)  # type: ignore[call-arg]

    def schedule_task(
        self,
        task_callable: Task,
        args: Sequence[Any] | bool | None = None,
        kwargs: Mapping[str, Any] | None = None,
        first: bool = False,
    ) -> None:
        """Schedules a task before any chosen one; with `first` also before those scheduled earlier."""
        if args is True or args is False:
            # The second argument of current Locust.
            args, first = None, bool(args)
        queued: Any = task_callable
        if args or kwargs:
            queued = _ScheduledCall(task_callable, args or (), kwargs or {})
        if first:
            self._task_queue.appendleft(queued)
        else:
            self._task_queue.append(queued)

    def get_next_task(self) -> Task:
        """Chooses a task by weight."""
        return _choose(self.tasks, self)

    def wait_time(self) -> float:
        """Returns the seconds to wait before the next task."""
        if self.min_wait or self.max_wait or self.wait_function:
            return wait_time_0_7_s(self, self._user)
        return self._user.wait_time()

    def wait(self) -> None:
        """Waits between two tasks. A user that was asked to stop ends here."""
        self._user._wait(self.wait_time())

    def interrupt(self, reschedule: bool = True) -> NoReturn:
        """Leaves this task set. The parent goes on at once, or after a wait if `reschedule` is false."""
        raise InterruptTaskSet(reschedule)


class SequentialTaskSet(TaskSet):
    """Runs its tasks in the order of their declaration, in a loop."""

    def __init__(self, parent: User | TaskSet) -> None:
        super().__init__(parent)
        self._next_index = 0

    def get_next_task(self) -> Task:
        if not self.tasks:
            return _choose(self.tasks, self)
        task = cast("list[Task]", self.tasks)[self._next_index % len(self.tasks)]
        self._next_index += 1
        return task


class DefaultTaskSet(TaskSet):
    """The task set of a user without one of its own: it runs the tasks of the user, with the user as argument."""

    def get_next_task(self) -> Task:
        return _choose(self._user.tasks, self._user)

    def execute_task(self, task: Task, *args: Any, **kwargs: Any) -> None:
        if task.__class__ is FunctionType and not (args or kwargs):
            task(self._user)
        elif isinstance(task, type) and issubclass(task, TaskSet):
            task(self._user).run(*args, **kwargs)
        else:
            task(self._user, *args, **kwargs)  # type: ignore[call-arg]

    def wait_time(self) -> float:
        return self._user.wait_time()


class _ScheduledCall:
    def __init__(self, callable: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        self.callable, self.args, self.kwargs = callable, args, kwargs


def _choose(tasks: Any, owner: object, random: Callable[[], float] = random.random) -> Task:
    if not tasks:
        name = type(owner).__name__
        raise LocustError(f"No tasks defined on {name}: use the @task decorator or set its tasks attribute")
    return tasks[int(random() * len(tasks))]


def wait_time_0_7_s(task_set: Any, user: User) -> float:
    """Returns the wait of 0.7, which is set in milliseconds: on the task set, else on the user's class, never on the
    parent task set.
    """
    wait_function: Any = task_set.wait_function or user.wait_function
    if wait_function:
        return wait_function(task_set) / 1000
    min_wait, max_wait = task_set.min_wait or user.min_wait, task_set.max_wait or user.max_wait
    if min_wait is None or max_wait is None:
        raise MissingWaitTimeError("min_wait and max_wait belong together")
    return random.randint(min_wait, max_wait) / 1000


def _rescheduling(interrupt: InterruptTaskSet) -> Exception:
    """Returns the exception that the parent of an interrupted task set handles."""
    return RescheduleTaskImmediately() if interrupt.reschedule else RescheduleTask()
