"""The event loop around the users: resumes them when their requests are done, and does to them what the run orders.

On gevent's loop, when requests are done, the native half rings, and each greenlet that waits is resumed with its response
(`_resume`). When the run has orders or news, it rings another bell, and the conductor, which is the main greenlet, follows
them (`conduct`); it never waits for anything else. Listeners of the run may wait: they have a greenlet of their own
(`Herald`), and so has each user (`Life`).
"""

import logging
import os
import sys
import sysconfig
import traceback

import gevent
from gevent import GreenletExit
from gevent.event import Event
from gevent.queue import Queue

from . import request_events as report
from . import task_errors as failure
from .event import EventHook
from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .user import WAITING, Locust, User

logger = logging.getLogger(__name__)


class Host:
    """The place of the Python users of one run."""

    def __init__(self, environment, user_classes, run, hub):
        self._environment = environment
        self._classes = user_classes
        self._run = run
        self._hub = hub
        #: Users that nobody has told to leave, per class, in the order in which they came.
        self._staying = [{} for _ in user_classes]
        self._present = set()
        #: Users who are to come when the listeners of the start have been heard; `None` when they have.
        self._held = None
        self._herald = Herald(self)
        self._wake = Event()
        self._watchers = []

    def conduct(self):
        """Follows the run to its end and returns the process's exit code."""
        report.hub, report.hub_thread = self._hub, report.thread_number()
        User.environment = self._environment
        self._watch(self._hub.finished_fd, self._resume)
        self._watch(self._hub.orders_fd, self._hear_orders)
        self._herald.start()
        while True:
            try:
                exit_code = self._turn()
            except (StopTest, SystemExit) as wish:
                # `sys.exit()` in a greenlet of somebody's own comes out here.
                self.end_run(wish)
                continue
            if exit_code is not None:
                self._herald.kill(block=False)
                return exit_code

    def _turn(self):
        """Does what is due, and waits until something is due again. Gives the exit code when all is over."""
        due_s, actions = self._hub.turn()
        for what, number in actions:
            getattr(self, "_" + what)(number)
        for what, number in self._run.news():
            if what == "exit":
                return number
            self._hear(what, number)
        waiting = report.admission
        if not self._hub.is_open or self._hub.has_room:
            waiting.set()
            waiting.clear()
        if self._wake.wait(due_s):
            self._wake.clear()
        return None

    # What happens on the loop.

    def _watch(self, fd, callback):
        watcher = gevent.get_hub().loop.io(fd, READABLE)
        watcher.start(callback)
        self._watchers.append(watcher)

    def _resume(self):
        """Each switch returns when its greenlet waits for something again."""
        hub = self._hub
        hub.heard_finished()
        next_finished = hub.next_finished
        for _ in range(MOST_AT_ONCE):
            finished = next_finished()
            if finished is None:
                break
            switch, response = finished
            try:
                switch(response)
            except BaseException:
                # A bare greenlet has died of it, which concerns nobody behind it.
                gevent.get_hub().handle_error(switch, *sys.exc_info())
        else:
            # Others are to have their turn in between: timers, and sockets of clients that are not ours.
            hub.ring()
        hub.flush()

    def _hear_orders(self):
        self._hub.heard_orders()
        self._wake.set()

    # What the run orders.

    def _begin(self, _number):
        events = self._environment.events
        self._held = []
        self._herald.tell(events.test_start, environment=self._environment)
        self._herald.tell(events.locust_start_hatching)
        self._herald.then(self._open)

    def _open(self):
        """The listeners of the start have been heard: users may come."""
        held, self._held = self._held, None
        for index in held:
            self._start(index)

    def _come(self, index):
        self._hub.came(index)
        if self._held is None:
            self._start(index)
        else:
            self._held.append(index)

    def _start(self, index):
        life = Life(self, index)
        self._staying[index][life] = None
        self._present.add(life)
        life.start()

    def _leave(self, index):
        """The class's latest goes first."""
        if self._held and index in self._held:
            self._held.remove(index)
            self._hub.leaving(index)
            self._hub.went()
        elif self._staying[index]:
            life = next(reversed(self._staying[index]))
            life.tell_to_leave()

    def _leave_all(self, _number):
        """When the listeners of it have been heard; at the deadline everyone goes, whatever they do."""
        self._herald.tell(self._environment.events.test_stopping, environment=self._environment)
        self._herald.then(self._tell_all_to_leave)

    def _tell_all_to_leave(self):
        for index in list(self._held or ()):
            self._leave(index)
        for staying in self._staying:
            for life in list(staying):
                life.tell_to_leave()

    def _cut_all(self, _number):
        self._tell_all_to_leave()
        for life in list(self._present):
            life.cut()
        self._hub.abandon_all()

    # What has happened.

    def _hear(self, what, number):
        environment, tell = self._environment, self._herald.tell
        events = environment.events
        if what == "spawning_complete":
            tell(events.spawning_complete, user_count=number)
            tell(events.hatch_complete, user_count=number)
        elif what == "stopped":
            tell(events.test_stop, environment=environment)
            tell(events.locust_stop_hatching)
        elif what == "quitting":
            tell(events.quitting, reverse=True, environment=environment)
            self._herald.then(self._say_last_word)

    def _say_last_word(self):
        self._run.say_last_word(self._environment.process_exit_code, EventHook.listener_failed)

    # What lives tell.

    def leaving(self, life):
        """It was told to leave, or goes by itself."""
        if self._staying[life.index].pop(life, life) is None:
            self._hub.leaving(life.index)

    def gone(self, life, user):
        self.leaving(life)
        self._present.discard(life)
        self._hub.went()
        if user is not None:
            user._let_go()
        if not self._present:
            self._wake.set()

    def end_run(self, wish):
        """A user or listener has raised `StopTest`, or calls `sys.exit()`: the whole run ends, and its results are shown."""
        if isinstance(wish, SystemExit):
            logger.info("sys.exit() is called: the run ends")
            if wish.code is not None:
                # As Python takes it: what is no number is an error.
                self._environment.process_exit_code = wish.code if isinstance(wish.code, int) else 1
        else:
            logger.info("Test stopped by the locustfile: %s", wish)
        self._run.stop()

    def make_user(self, index):
        user_class = self._classes[index]
        # Constructors of 0.7 take nothing.
        return user_class() if issubclass(user_class, Locust) else user_class(self._environment)


class Life(gevent.Greenlet):
    """The greenlet of one user."""

    def __init__(self, host, index):
        super().__init__()
        self.index = index
        self._host = host
        self._user = None
        self._has_begun = False
        self._is_told = False

    def _run(self):
        self._has_begun = True
        try:
            if not self._is_told:
                self._user = self._host.make_user(self.index)
                self._user._life = self
                self._user.run()
        except (GreenletExit, StopUser):
            pass
        except (StopTest, SystemExit) as wish:
            self._host.end_run(wish)
        except (Exception, gevent.Timeout) as error:
            failure.of_task(self._user or self._host._classes[self.index], error)
        finally:
            user, self._user = self._user, None
            self._host.gone(self, user)

    def tell_to_leave(self):
        """A user that waits between tasks goes at once; others finish what they have on the wire."""
        if self._is_told:
            return
        self._is_told = True
        self._host.leaving(self)
        user = self._user
        if user is None:
            return
        user._leaving = True
        if user._state is WAITING:
            self.kill(block=False)

    def cut(self):
        """It goes now, whatever it does."""
        self.tell_to_leave()
        # One that has not begun will find that it was told.
        if self._has_begun:
            self.kill(block=False)


class Herald(gevent.Greenlet):
    """Tells the run's listeners what happens, one thing after another; they may take their time."""

    def __init__(self, host):
        super().__init__()
        self._host = host
        self._queue = Queue()

    def tell(self, hook, reverse=False, **kwargs):
        self._queue.put(lambda: hook.fire(reverse=reverse, **kwargs))

    def then(self, action):
        """Does this when all that was told before has been heard."""
        self._queue.put(action)

    def _run(self):
        while True:
            try:
                self._queue.get()()
            except (StopTest, SystemExit) as wish:
                self._host.end_run(wish)
            except (StopUser, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet) as stray:
                what = "which means something only in a task"
                logger.warning("A listener of the run raises %s, %s", type(stray).__name__, what)


def where_is_the_hub():
    """Where in whose code the thread of the hub is; called by another thread when the hub is stuck."""
    frames = traceback.extract_stack(sys._current_frames()[report.hub_thread])
    users = [frame for frame in frames if not frame.filename.startswith(_NOT_OF_USERS)]
    frame = (users or frames)[-1]
    return f"in {frame.name}() at {frame.filename}, line {frame.lineno}: {frame.line}"


READABLE = 1
#: What the user of a library cannot change: Python's own, installed packages, and this one.
_NOT_OF_USERS = (*{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}, os.path.dirname(__file__), "<")
#: Responses that are taken before others have their turn.
MOST_AT_ONCE = 256
