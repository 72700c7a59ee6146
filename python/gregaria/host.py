"""The event loop around the users: resumes them when their requests are done, and does to them what the run orders.

Three things happen on gevent's loop. When requests are done, the native half rings, and each greenlet that waits is
resumed with its response (`_resume`). When the run has orders or news, it rings another bell, and the conductor, which is
the main greenlet, follows them (`conduct`). And each user is a greenlet of its own (`Life`).
"""

import logging
import os
import sys
import sysconfig
import traceback

import gevent
from gevent import GreenletExit, monkey
from gevent.event import Event

from . import failure, report
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
        self._wake = Event()
        self._watchers = []

    def conduct(self):
        """Follows the run to its end and returns the process's exit code."""
        global _hub_thread
        _hub_thread = monkey.get_original("_thread", "get_ident")()
        report.hub = self._hub
        User.environment = self._environment
        self._watch(self._hub.finished_fd, self._resume)
        self._watch(self._hub.orders_fd, self._hear_orders)
        while True:
            due_s, actions = self._hub.turn()
            for what, number in actions:
                getattr(self, "_" + what)(number)
            for what, number in self._run.news():
                if what == "exit":
                    return number
                getattr(self, "_" + what)(number)
            if self._wake.wait(due_s):
                self._wake.clear()

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
            switch(response)
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
        self._tell(events.test_start, environment=self._environment)
        self._tell(events.locust_start_hatching)

    def _come(self, index):
        life = Life(self, index)
        self._hub.came(index)
        self._staying[index][life] = None
        self._present.add(life)
        life.start()

    def _leave(self, index):
        """The class's latest goes first."""
        if self._staying[index]:
            life = next(reversed(self._staying[index]))
            life.tell_to_leave()

    def _leave_all(self, _number):
        self._tell(self._environment.events.test_stopping, environment=self._environment)
        for staying in self._staying:
            for life in list(staying):
                life.tell_to_leave()

    def _cut_all(self, _number):
        for life in list(self._present):
            life.cut()
        self._hub.abandon_all()

    # What has happened.

    def _started(self, _number):
        pass

    def _spawning_complete(self, users):
        events = self._environment.events
        self._tell(events.spawning_complete, user_count=users)
        self._tell(events.hatch_complete, user_count=users)

    def _stopping(self, _number):
        pass

    def _stopped(self, _number):
        events = self._environment.events
        self._tell(events.test_stop, environment=self._environment)
        self._tell(events.locust_stop_hatching)

    def _quitting(self, _number):
        environment = self._environment
        self._tell(environment.events.quitting, reverse=True, environment=environment)
        self._run.say_last_word(environment.process_exit_code, EventHook.listener_failed)

    def _tell(self, hook, **kwargs):
        """Listeners may end the run as users may."""
        try:
            hook.fire(**kwargs)
        except (StopTest, SystemExit) as wish:
            self.end_run(wish)
        except (StopUser, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet) as stray:
            logger.warning("A listener of the run raises %s, which means something only in a task", type(stray).__name__)

    # What lives tell.

    def leaving(self, life):
        """It was told to leave, or goes by itself."""
        if self._staying[life.index].pop(life, life) is None:
            self._hub.leaving(life.index)

    def gone(self, life):
        self.leaving(life)
        self._present.discard(life)
        self._hub.went()
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
        self._is_told = False

    def _run(self):
        try:
            if not self._is_told:
                self._user = self._host.make_user(self.index)
                self._user._life = self
                self._user.run()
        except (GreenletExit, StopUser):
            pass
        except (StopTest, SystemExit) as wish:
            self._host.end_run(wish)
        except Exception as error:
            failure.of_task(self._user or self._host._classes[self.index], error)
        finally:
            self._host.gone(self)

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
        if self._user is not None:
            self.kill(block=False)


def where_is_the_hub():
    """Where in whose code the thread of the hub is; called by another thread when the hub is stuck."""
    frames = traceback.extract_stack(sys._current_frames()[_hub_thread])
    users = [frame for frame in frames if not frame.filename.startswith(_NOT_OF_USERS)]
    frame = (users or frames)[-1]
    return f"in {frame.name}() at {frame.filename}, line {frame.lineno}: {frame.line}"


READABLE = 1
#: What the user of a library cannot change: Python's own, installed packages, and this one.
_NOT_OF_USERS = (*{sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}, os.path.dirname(__file__), "<")
#: The thread of the loop, as the system numbers threads: gevent's numbers are those of greenlets.
_hub_thread = None
#: Responses that are taken before others have their turn.
MOST_AT_ONCE = 256
