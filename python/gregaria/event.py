"""Hooks that a locustfile listens to, of both generations of Locust.

What listeners of requests are told, and that a request which is fired is counted first, is in `report.py`.
"""

import inspect
import logging
import time
from contextlib import contextmanager

from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser

logger = logging.getLogger(__name__)


class EventHook:
    """A list of listeners. `hook += listener` in 0.7, `hook.add_listener(listener)` or as a decorator since."""

    #: Whether any listener of any hook has failed, for the exit code.
    listener_failed = False

    def __init__(self):
        self._handlers = []

    def add_listener(self, handler):
        self._handlers.append(handler)
        return handler

    def remove_listener(self, handler):
        self._handlers.remove(handler)

    def __iadd__(self, handler):
        self.add_listener(handler)
        return self

    def __isub__(self, handler):
        self.remove_listener(handler)
        return self

    def fire(self, *, reverse=False, **kwargs):
        """Calls all listeners with what is given."""
        self.tell(kwargs, reverse)

    def tell(self, kwargs, reverse=False):
        """One that fails is logged, and keeps neither the others nor the caller from going on, unless it raises what steers
        users."""
        # A copy: listeners may add and remove listeners.
        for handler in self._handlers[::-1] if reverse else self._handlers[:]:
            try:
                handler(**kwargs)
            except (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet):
                raise
            except Exception:
                EventHook.listener_failed = True
                logger.exception("A listener has failed: %s", getattr(handler, "__qualname__", handler))

    @contextmanager
    def measure(self, request_type, name, response_length=0, context=None):
        """Times a block and fires the hook with it; an exception makes it a failure."""
        started = time.perf_counter()
        meta = {
            "request_type": request_type,
            "name": name,
            "response_length": response_length,
            "context": context or {},
            "exception": None,
            "start_time": time.time(),
        }
        try:
            yield meta
        except Exception as error:
            meta["exception"] = error
        finally:
            meta["response_time"] = (time.perf_counter() - started) * 1000
            self.fire(**meta)


class QuittingHook(EventHook):
    """A hook whose listeners took nothing in 0.7, and are told something since."""

    def tell(self, kwargs, reverse=False):
        for handler in self._handlers[::-1] if reverse else self._handlers[:]:
            alone = EventHook()
            alone.add_listener(handler)
            alone.tell(kwargs if inspect.signature(handler).parameters else {})


class Events:
    """All hooks, under today's names and those of 0.7."""

    #: Fired by the run, and by nobody else.
    RUN = (
        "init",
        "init_command_line_parser",
        "test_start",
        "spawning_complete",
        "test_stopping",
        "test_stop",
        "quitting",
        "quit",
        "reset_stats",
        "user_error",
        # 0.7
        "hatch_complete",
        "locust_error",
        "locust_start_hatching",
        "locust_stop_hatching",
    )
    #: There to be listened to; nothing here fires them yet.
    LATER = (
        "cpu_warning",
        "heartbeat_received",
        "heartbeat_sent",
        "master_start_hatching",
        "master_stop_hatching",
        "report_to_master",
        "slave_report",
        "usage_monitor",
        "worker_connect",
        "worker_report",
    )

    EventHook = EventHook

    def __init__(self, request_hooks):
        for name in self.RUN + self.LATER:
            setattr(self, name, EventHook())
        self.quitting = QuittingHook()
        for name, hook in request_hooks.items():
            setattr(self, name, hook)
