"""Exceptions in a user's own code: counted, told to listeners, logged once each, and shown at the end with their traceback."""

import logging
import os
import traceback

from . import request_events as report

logger = logging.getLogger(__name__)

_logged = set()
_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def of_task(owner, error):
    """`owner` is the user or task set whose code raised `error`."""
    text = trace_of(error)
    if report.hub is not None:
        report.hub.exception(str(error) or repr(error), text)
    events = report.events
    events.user_error.fire(user_instance=owner, exception=error, tb=error.__traceback__)
    if events.locust_error._handlers:
        events.locust_error.fire(locust_instance=owner, exception=error, tb=error.__traceback__)
    if text not in _logged and len(_logged) < MOST_LOGGED:
        _logged.add(text)
        logger.error("%s: %s (others like it are counted only)\n%s", type(error).__name__, error, text.rstrip())


def trace_of(error):
    """The traceback as text: the user's own lines and what they call, without what is this package's."""
    whole = traceback.TracebackException.from_exception(error)
    parts = [whole]
    while parts:
        part = parts.pop()
        foreign = [frame for frame in part.stack if not frame.filename.startswith(_OWN_FOLDER)]
        part.stack[:] = foreign or part.stack
        parts += [other for other in (part.__cause__, part.__context__) if other]
    return "".join(whole.format())


MOST_LOGGED = 100
