"""The scheduler of the Python users: resumes their greenlets when requests complete, and applies the run's commands.

It runs on gevent's loop. `completion_fd` becomes readable when requests complete, and each waiting greenlet is
resumed with its response (`_resume_greenlets`). `command_fd` becomes readable when the run has commands or events;
the main greenlet applies them (`run`) and does not wait otherwise. Each user has a greenlet (`UserGreenlet`).
Listeners of the run may wait, so they have a greenlet of their own (`EventDispatcher`).
"""

from __future__ import annotations

import logging
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, assert_never, cast

import gevent
from gevent import GreenletExit
from gevent.event import Event
from gevent.queue import Queue

from . import task_errors
from ._engine import EngineBridge, HostEvent, Run, UserAction, next_completion
from .environment import Environment
from .event import EventHook
from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .run_state import RunState
from .user import WAITING, Locust, User

if TYPE_CHECKING:
    from .engine_types import AnyHostEvent, AnyUserAction

logger = logging.getLogger(__name__)

#: The event mask of gevent's loop for a readable file descriptor.
READABLE = 1
#: Completions taken in one batch, before timers and the sockets of other clients run.
MAX_BATCH = 256


class UserScheduler:
    """Runs the users of one run on gevent's loop."""

    def __init__(
        self, environment: Environment, user_classes: list[type[User]], run: Run, bridge: EngineBridge
    ) -> None:
        self._environment = environment
        self._classes = user_classes
        self._run = run
        self._bridge = bridge
        self._run_state = environment.run_state = RunState(bridge)
        #: Users that were not asked to stop, per class, in the order of their start.
        self._active: list[dict[UserGreenlet, None]] = [{} for _ in user_classes]
        self._alive: set[UserGreenlet] = set()
        #: Class indices of users to start after the listeners of the start; `None` once these have been called.
        self._deferred_spawns: list[int] | None = None
        self._dispatcher = EventDispatcher(self)
        self._wake = Event()
        self._watchers: list[Any] = []

    def run(self) -> int:
        """Follows the run to its end and returns the exit code of the process."""
        self._watch(self._bridge.completion_fd, self._resume_greenlets)
        self._watch(self._bridge.command_fd, self._wake_scheduler)
        self._dispatcher.start()
        while True:
            try:
                exit_code = self._tick()
            except (StopTest, SystemExit) as reason:
                # Raised by `sys.exit()` in a greenlet that the locustfile has spawned.
                self.end_run(reason)
                continue
            if exit_code is not None:
                self._dispatcher.kill(block=False)
                return exit_code

    def _tick(self) -> int | None:
        """Applies actions and events, and waits until the next tick is due.

        Returns the exit code when the run is over.
        """
        # The engine's side is dropped after the last event only, which ends this loop.
        due_s, actions = cast("tuple[float, list[AnyUserAction]]", self._bridge.tick())
        for action in actions:
            self._apply(action)
        for event in self._run.take_events():
            if isinstance(event, HostEvent.Exit):
                return event.code
            self._handle(event)
        if not self._bridge.is_open or self._bridge.may_admit_soon:
            self._run_state.admission.set()
            self._run_state.admission.clear()
        if self._wake.wait(due_s):
            self._wake.clear()
        return None

    # Callbacks of gevent's loop.

    def _watch(self, fd: int, callback: Callable[[], None]) -> None:
        watcher = gevent.get_hub().loop.io(fd, READABLE)
        watcher.start(callback)
        self._watchers.append(watcher)

    def _resume_greenlets(self) -> None:
        """Resumes the greenlets for which a value has arrived. A switch returns when that greenlet waits again."""
        bridge = self._bridge
        bridge.begin_batch()
        for _ in range(MAX_BATCH):
            completion = next_completion(bridge)
            if completion is None:
                break
            resume, value = completion
            try:
                resume(value)
            except BaseException:
                # A raw greenlet has died of an exception. The greenlets behind it must still be resumed.
                gevent.get_hub().handle_error(resume, *sys.exc_info())
        else:
            bridge.requeue_wakeup()
        bridge.end_batch()

    def _wake_scheduler(self) -> None:
        self._bridge.clear_command_wakeup()
        self._wake.set()

    # Actions on users.

    def _apply(self, action: AnyUserAction) -> None:
        match action:
            case UserAction.StartRun():
                self._start_run()
            case UserAction.SpawnUser(class_index):
                self._spawn(class_index)
            case UserAction.StopUser(class_index):
                self._stop_latest(class_index)
            case UserAction.StopAll():
                # After the listeners. The engine aborts all users at the deadline, even if a listener is still running.
                self._dispatcher.fire(self._environment.events.test_stopping, environment=self._environment)
                self._dispatcher.call(self._stop_all)
            case UserAction.AbortAll():
                self._abort_all()
            case _:
                assert_never(action)

    def _start_run(self) -> None:
        hooks = self._environment.events
        self._deferred_spawns = []
        self._dispatcher.fire(hooks.test_start, environment=self._environment)
        self._dispatcher.fire(hooks.locust_start_hatching)
        self._dispatcher.call(self._start_deferred)

    def _start_deferred(self) -> None:
        """Starts the users that were spawned while the listeners of the start ran."""
        deferred, self._deferred_spawns = self._deferred_spawns or (), None
        for class_index in deferred:
            self._start_user(class_index)

    def _spawn(self, class_index: int) -> None:
        self._bridge.user_spawned(class_index)
        if self._deferred_spawns is None:
            self._start_user(class_index)
        else:
            self._deferred_spawns.append(class_index)

    def _start_user(self, class_index: int) -> None:
        greenlet = UserGreenlet(self, class_index)
        self._active[class_index][greenlet] = None
        self._alive.add(greenlet)
        greenlet.start()

    def _stop_latest(self, class_index: int) -> None:
        """Stops the latest user of a class."""
        if self._deferred_spawns and class_index in self._deferred_spawns:
            self._deferred_spawns.remove(class_index)
            self._bridge.user_stopping(class_index)
            self._bridge.user_exited()
        elif self._active[class_index]:
            greenlet = next(reversed(self._active[class_index]))
            greenlet.request_stop()

    def _stop_all(self) -> None:
        for class_index in list(self._deferred_spawns or ()):
            self._stop_latest(class_index)
        for active in self._active:
            for greenlet in list(active):
                greenlet.request_stop()

    def _abort_all(self) -> None:
        self._stop_all()
        for greenlet in list(self._alive):
            greenlet.abort()
        self._bridge.cancel_all()

    # Events of the run.

    def _handle(self, event: AnyHostEvent) -> None:
        environment, fire = self._environment, self._dispatcher.fire
        hooks = environment.events
        match event:
            case HostEvent.SpawningComplete(user_count):
                fire(hooks.spawning_complete, user_count=user_count)
                fire(hooks.hatch_complete, user_count=user_count)
            case HostEvent.Stopped():
                fire(hooks.test_stop, environment=environment)
                fire(hooks.locust_stop_hatching)
            case HostEvent.Quitting():
                fire(hooks.quitting, reverse=True, environment=environment)
                self._dispatcher.call(self._set_exit)
            case HostEvent.Exit():
                pass
            case _:
                assert_never(event)

    def _set_exit(self) -> None:
        self._run.set_exit(self._environment.process_exit_code, self._environment.events.listener_failed)

    # Callbacks of user greenlets.

    def on_stop_requested(self, greenlet: UserGreenlet) -> None:
        """Counts a user that was asked to stop or ends by itself."""
        if self._active[greenlet.class_index].pop(greenlet, greenlet) is None:
            self._bridge.user_stopping(greenlet.class_index)

    def on_exit(self, greenlet: UserGreenlet, user: User | None) -> None:
        """Counts the end of a user's greenlet."""
        self.on_stop_requested(greenlet)
        self._alive.discard(greenlet)
        self._bridge.user_exited()
        if user is not None:
            user._release()
        if not self._alive:
            self._wake.set()

    def end_run(self, reason: StopTest | SystemExit) -> None:
        """Ends the run because a user or a listener has raised `StopTest` or called `sys.exit()`."""
        if isinstance(reason, SystemExit):
            logger.info("The run ends: sys.exit() was called")
            if reason.code is not None:
                # As in Python, a code that is not a number means an error.
                self._environment.process_exit_code = reason.code if isinstance(reason.code, int) else 1
        else:
            logger.info("Test stopped by the locustfile: %s", reason)
        self._run.stop()

    def make_user(self, class_index: int) -> User:
        """Creates a user of this class."""
        user_class: Any = self._classes[class_index]
        # Constructors of 0.7 take no arguments, so the user has its environment before its constructor is called.
        arguments = () if issubclass(user_class, Locust) else (self._environment,)
        user: User = user_class.__new__(user_class, *arguments)
        user._environment = self._environment
        user_class.__init__(user, *arguments)
        return user

    def report_error(self, user: User | None, class_index: int, error: BaseException) -> None:
        """Reports an exception of a user; without one, of the constructor of its class."""
        task_errors.report_error(self._environment, user or self._classes[class_index], error)


class UserGreenlet(gevent.Greenlet):
    """The greenlet of one user."""

    def __init__(self, scheduler: UserScheduler, class_index: int) -> None:
        super().__init__()
        self.class_index = class_index
        self._scheduler = scheduler
        self._user: User | None = None
        self._has_begun = False
        self._stop_requested = False

    def _run(self) -> None:
        self._has_begun = True
        try:
            if not self._stop_requested:
                self._user = self._scheduler.make_user(self.class_index)
                self._user._greenlet = self
                self._user.run()
        except (GreenletExit, StopUser):
            pass
        except (StopTest, SystemExit) as reason:
            self._scheduler.end_run(reason)
        except (Exception, gevent.Timeout) as error:
            self._scheduler.report_error(self._user, self.class_index, error)
        finally:
            user, self._user = self._user, None
            self._scheduler.on_exit(self, user)

    def request_stop(self) -> None:
        """Asks the user to stop. One that waits between tasks ends at once, others finish their request in flight."""
        if self._stop_requested:
            return
        self._stop_requested = True
        self._scheduler.on_stop_requested(self)
        user = self._user
        if user is None:
            return
        user._stop_requested = True
        if user._state is WAITING:
            self.kill(block=False)

    def abort(self) -> None:
        """Ends the user immediately."""
        self.request_stop()
        # A greenlet that has not begun finds the request to stop when it does.
        if self._has_begun:
            self.kill(block=False)


class EventDispatcher(gevent.Greenlet):
    """Calls the run's listeners, one after another. A listener may wait."""

    def __init__(self, scheduler: UserScheduler) -> None:
        super().__init__()
        self._scheduler = scheduler
        self._queue: Queue = Queue()

    def fire(self, hook: EventHook, reverse: bool = False, **kwargs: Any) -> None:
        """Queues the firing of a hook."""
        self._queue.put(lambda: hook.fire(reverse=reverse, **kwargs))

    def call(self, function: Callable[[], None]) -> None:
        """Queues a function behind the hooks fired before."""
        self._queue.put(function)

    def _run(self) -> None:
        while True:
            try:
                self._queue.get()()
            except (StopTest, SystemExit) as reason:
                self._scheduler.end_run(reason)
            except (StopUser, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet) as stray:
                logger.warning("A listener of the run raised %s, which only a task may raise", type(stray).__name__)


def blocking_frame(owner_thread: int) -> str:
    """Returns the line that the Python thread executes. Called on another thread when gevent's loop is blocked."""
    frames = traceback.extract_stack(sys._current_frames()[owner_thread])
    users = [frame for frame in frames if not frame.filename.startswith(_LIBRARY_PREFIXES)]
    frame = (users or frames)[-1]
    return f"in {frame.name}() at {frame.filename}, line {frame.lineno}: {frame.line}"


#: Code that the author of a locustfile does not change: Python's library, installed packages, and this package.
_LIBRARY_PREFIXES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")},
    os.path.dirname(__file__),
    "<",
)
