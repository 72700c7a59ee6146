"""Exceptions in a user's own code: counted, told to listeners, logged once each, and shown at the end with their traceback."""

import logging
import os
import traceback

from . import report

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
    frames = traceback.extract_tb(error.__traceback__)
    foreign = [frame for frame in frames if not frame.filename.startswith(_OWN_FOLDER)]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(foreign or frames)]
    return "".join(lines + traceback.format_exception_only(error))


MOST_LOGGED = 100
