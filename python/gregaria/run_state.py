"""The state of a run that its users, clients and event hooks share.

It belongs to the environment of the run (`environment.py`), which has one from the start of its scheduler on.
"""

from __future__ import annotations

from gevent.event import Event
from gevent.monkey import get_original

from ._engine import EngineBridge

#: Returns the system's number of the current thread; gevent replaces it by one per greenlet.
thread_id = get_original("_thread", "get_ident")


class RunState:
    """The bridge of the run, and the facts that its clients and its log depend on. Created on the Python thread."""

    def __init__(self, bridge: EngineBridge) -> None:
        self.bridge = bridge
        #: The Python thread. Only this thread uses the bridge.
        self.owner_thread: int = thread_id()
        #: Set for a moment whenever a request that was not admitted may be admitted, or will never be.
        self.admission = Event()
        #: Message and traceback of the first exception of each place. Later ones of the same place are counted with it.
        self.first_errors: dict[str, tuple[str, str]] = {}
