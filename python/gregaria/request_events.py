"""Requests and those who listen to them: everything that counts as a request and is not counted natively comes here.

A request is decided, then recorded, then told to listeners, in the greenlet that made it, and only if there are any. Both
generations of listeners hear of every request, whichever hook a custom client fires.
"""

from gevent.event import Event
from gevent.monkey import get_original

from .event import EventHook, Events

#: The hub that records, while a run is on, and its thread as the system numbers threads: gevent's numbers are those of
#: greenlets.
hub = None
hub_thread = None
thread_number = get_original("_thread", "get_ident")
#: Set for a moment whenever a request that might not start may start now, or never will.
admission = Event()


class RequestHook(EventHook):
    """A hook whose firing is a request."""

    def fire(self, *, reverse=False, **kwargs):
        _fired(**kwargs)

    def add_listener(self, handler):
        global listening
        listening = True
        return super().add_listener(handler)


request = RequestHook()
request_success = RequestHook()
request_failure = RequestHook()
events = Events({"request": request, "request_success": request_success, "request_failure": request_failure})

#: Whether anyone has ever listened to requests.
listening = False


def decided(response, exception):
    """A response whose outcome the task has decided has been recorded."""
    if listening:
        _tell_of(response, exception, response.context)


def plain(response, context):
    """A response whose outcome was its status has been recorded."""
    _tell_of(response, response.own_failure(), context)


def _tell_of(response, exception, context):
    request_type, name, response_time, response_length, start_time, url = response.facts()
    _tell_listeners(
        {
            "request_type": request_type,
            "name": name,
            "response_time": response_time,
            "response_length": response_length,
            "response": response,
            "context": context or {},
            "exception": exception,
            "start_time": start_time,
            "url": url,
        }
    )


def _fired(request_type, name, response_time, response_length=0, exception=None, **more):
    if hub is not None:
        if thread_number() != hub_thread:
            raise RuntimeError("events are fired in the thread of the users: use greenlets (gevent.spawn)")
        hub.record(str(request_type), str(name), response_time or 0, int(response_length or 0), exception)
    if listening:
        meta = {"response": None, "context": {}, "start_time": None, "url": None} | more
        meta |= {"request_type": request_type, "name": name, "response_time": response_time}
        _tell_listeners(meta | {"response_length": response_length, "exception": exception})


def _tell_listeners(meta):
    if request._handlers:
        request.tell(meta)
    of_0_7, last = (request_success, "response_length") if meta["exception"] is None else (request_failure, "exception")
    if of_0_7._handlers:
        old = {name: meta[name] for name in ("request_type", "name", last)}
        of_0_7.tell(old | {"response_time": int(meta["response_time"] or 0)})
