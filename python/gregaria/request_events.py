"""Listeners of the requests that `self.client` makes.

The order is: the outcome is decided, recorded natively, and then passed to the listeners, in the greenlet that made the
request. Without listeners no function is called.
"""

from __future__ import annotations

from typing import Any

from ._engine import Response
from .event import Events


def notify_decided(events: Events, response: Response, exception: object) -> None:
    """Passes on a response after the task has decided its outcome. Called by the extension module after recording."""
    if events.has_request_listeners:
        _notify(events, response, exception, response.context)


def notify_by_status(events: Events, response: Response, context: dict[str, Any] | None) -> None:
    """Passes on a response after its status has decided the outcome."""
    _notify(events, response, response.status_failure(), context)


def _notify(events: Events, response: Response, exception: object, context: dict[str, Any] | None) -> None:
    request_type, name, response_time, response_length, start_time, url = response.event_fields()
    events.notify_request(
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
