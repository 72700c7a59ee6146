"""Event hooks of both generations of Locust, and `events`, the object that holds them.

A request that is fired through a hook is counted first and then passed to the listeners of both generations. The
requests of `self.client` are counted natively, and reach the listeners through `request_events.py`.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from .exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from .run_state import thread_id

if TYPE_CHECKING:
    from .environment import Environment

logger = logging.getLogger(__name__)

Listener = TypeVar("Listener", bound=Callable[..., object])


class EventHook:
    """A list of listeners: `hook += listener` in 0.7, `hook.add_listener(listener)` or a decorator in current
    versions.
    """

    def __init__(self, events: Events | None = None) -> None:
        self._handlers: list[Callable[..., object]] = []
        #: The hooks that this one is among; `None` for one that a locustfile creates, which belongs to the command's.
        self._events = events

    def add_listener(self, handler: Listener) -> Listener:
        """Adds a listener and returns it."""
        self._handlers.append(handler)
        return handler

    def remove_listener(self, handler: Callable[..., object]) -> None:
        """Removes a listener."""
        self._handlers.remove(handler)

    def __iadd__(self, handler: Callable[..., object]) -> EventHook:
        self.add_listener(handler)
        return self

    def __isub__(self, handler: Callable[..., object]) -> EventHook:
        self.remove_listener(handler)
        return self

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """Calls all listeners with these arguments."""
        self.notify(kwargs, reverse)

    def notify(self, kwargs: dict[str, Any], reverse: bool = False) -> None:
        """Calls all listeners. A failing listener is logged; the others and the caller go on.

        Exceptions that control users, such as `StopUser`, are raised to the caller.
        """
        # A copy: listeners may add and remove listeners.
        for handler in self._handlers[::-1] if reverse else self._handlers[:]:
            try:
                handler(**kwargs)
            except (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet):
                raise
            except Exception:
                (self._events or events).listener_failed = True
                logger.exception("A listener failed: %s", getattr(handler, "__qualname__", handler))

    @contextmanager
    def measure(
        self, request_type: str, name: str, response_length: int = 0, context: dict[str, Any] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Times a block and fires the hook with the result. An exception in the block makes it a failure."""
        started = time.perf_counter()
        meta: dict[str, Any] = {
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
    """A hook with listeners that may take no arguments, as in 0.7."""

    def notify(self, kwargs: dict[str, Any], reverse: bool = False) -> None:
        for handler in self._handlers[::-1] if reverse else self._handlers[:]:
            single = EventHook(self._events)
            single.add_listener(handler)
            single.notify(kwargs if inspect.signature(handler).parameters else {})


class RequestHook(EventHook):
    """A hook that counts a request each time it is fired."""

    _events: Events

    def fire(self, *, reverse: bool = False, **kwargs: Any) -> None:
        """Counts a request and calls the listeners of both generations."""
        self._events.request_fired(**kwargs)

    def add_listener(self, handler: Listener) -> Listener:
        self._events.has_request_listeners = True
        return super().add_listener(handler)


class Events:
    """All hooks, under their current names and those of 0.7."""

    EventHook = EventHook

    def __init__(self) -> None:
        #: The environment of the run that these hooks belong to, once there is one.
        self.environment: Environment | None = None
        #: Whether a listener of requests was ever added.
        self.has_request_listeners = False
        #: Whether a listener of any hook has failed, for the exit code.
        self.listener_failed = False

        self.request = RequestHook(self)

        self.init = EventHook(self)
        self.init_command_line_parser = EventHook(self)
        self.test_start = EventHook(self)
        self.spawning_complete = EventHook(self)
        self.test_stopping = EventHook(self)
        self.test_stop = EventHook(self)
        self.quitting = QuittingHook(self)
        self.quit = EventHook(self)
        self.user_error = EventHook(self)

        # 0.7
        self.request_success = RequestHook(self)
        self.request_failure = RequestHook(self)
        self.hatch_complete = EventHook(self)
        self.locust_error = EventHook(self)
        self.locust_start_hatching = EventHook(self)
        self.locust_stop_hatching = EventHook(self)

        # These can be listened to, but are not fired yet.
        self.cpu_warning = EventHook(self)
        self.heartbeat_received = EventHook(self)
        self.heartbeat_sent = EventHook(self)
        self.master_start_hatching = EventHook(self)
        self.master_stop_hatching = EventHook(self)
        self.report_to_master = EventHook(self)
        self.reset_stats = EventHook(self)
        self.slave_report = EventHook(self)
        self.usage_monitor = EventHook(self)
        self.worker_connect = EventHook(self)
        self.worker_report = EventHook(self)

    def request_fired(
        self,
        request_type: str,
        name: str,
        response_time: float | None,
        response_length: int | None = 0,
        exception: object = None,
        **more: Any,
    ) -> None:
        """Counts a request that a client of the locustfile's own has made, and calls the listeners."""
        run_state = self.environment.run_state if self.environment else None
        if run_state is not None:
            if thread_id() != run_state.owner_thread:
                raise RuntimeError("events must be fired on the Python thread: use greenlets (gevent.spawn)")
            run_state.bridge.record_request(
                str(request_type), str(name), response_time or 0, int(response_length or 0), exception
            )
        if self.has_request_listeners:
            meta = {"response": None, "context": {}, "start_time": None, "url": None} | more
            meta |= {"request_type": request_type, "name": name, "response_time": response_time}
            self.notify_request(meta | {"response_length": response_length, "exception": exception})

    def notify_request(self, meta: dict[str, Any]) -> None:
        """Calls the listeners of `request`, and those of 0.7 with the arguments that they take."""
        if self.request._handlers:
            self.request.notify(meta)
        if meta["exception"] is None:
            hook, last_argument = self.request_success, "response_length"
        else:
            hook, last_argument = self.request_failure, "exception"
        if hook._handlers:
            old = {name: meta[name] for name in ("request_type", "name", last_argument)}
            hook.notify(old | {"response_time": int(meta["response_time"] or 0)})


#: The hooks of the command, as `from locust import events` gives them. Locustfiles add listeners when imported.
events = Events()
