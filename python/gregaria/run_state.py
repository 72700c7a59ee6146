"""The state of the process's run that users, clients and event hooks share.

It belongs to the `Events` object of the process (`event.py`), which Locust's interface makes the same for all of them.
"""

from __future__ import annotations

from gevent.event import Event
from gevent.monkey import get_original

from ._engine import EngineBridge
from .exception import LocustError

#: Returns the system's number of the current thread; gevent replaces it by one per greenlet.
thread_id = get_original("_thread", "get_ident")


class RunState:
    """The bridge of the run, once there is one, and the facts that its end and its clients depend on."""

    def __init__(self) -> None:
        self.bridge: EngineBridge | None = None
        #: The thread of gevent's loop. Only this thread uses the bridge.
        self.owner_thread: int | None = None
        #: Set for a moment whenever a request that was not admitted may be admitted, or will never be.
        self.admission = Event()
        #: Whether a listener of requests was ever added.
        self.has_request_listeners = False
        #: Whether a listener of any hook has failed, for the exit code.
        self.listener_failed = False
        #: The tracebacks logged so far. Each is logged once.
        self.logged_tracebacks: set[str] = set()

    def attach(self, bridge: EngineBridge) -> None:
        """Connects users, clients and hooks with a run. Called on the thread of gevent's loop."""
        self.bridge, self.owner_thread = bridge, thread_id()

    def require_bridge(self) -> EngineBridge:
        """Returns the bridge, or raises `LocustError` before a run has started."""
        if self.bridge is None:
            raise LocustError("a client sends requests only while a run is on")
        return self.bridge
