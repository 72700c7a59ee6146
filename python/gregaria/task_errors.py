"""Exceptions in a user's own code: counted, passed to listeners, logged once each, and listed at the end of the run."""

from __future__ import annotations

import logging
import os
import traceback

from .event import events

logger = logging.getLogger(__name__)

_PACKAGE_FOLDER = os.path.dirname(__file__) + os.sep


def report_error(owner: object, error: BaseException) -> None:
    """Reports an exception raised by the code of `owner`, a user, a task set or a user class."""
    text = traceback_text(error)
    state = events.run_state
    if state.bridge is not None:
        state.bridge.record_exception(str(error) or repr(error), text)
    events.user_error.fire(user_instance=owner, exception=error, tb=error.__traceback__)
    if events.locust_error._handlers:
        events.locust_error.fire(locust_instance=owner, exception=error, tb=error.__traceback__)
    if text not in state.logged_tracebacks and len(state.logged_tracebacks) < MAX_LOGGED:
        state.logged_tracebacks.add(text)
        logger.error("%s: %s (others like it are counted only)\n%s", type(error).__name__, error, text.rstrip())


def traceback_text(error: BaseException) -> str:
    """Returns the traceback without the frames of this package, unless there are no others."""
    whole = traceback.TracebackException.from_exception(error)
    parts = [whole]
    while parts:
        part = parts.pop()
        foreign = [frame for frame in part.stack if not frame.filename.startswith(_PACKAGE_FOLDER)]
        part.stack[:] = foreign or part.stack
        parts += [other for other in (part.__cause__, part.__context__) if other]
    return "".join(whole.format())


#: Different tracebacks that are logged in one run.
MAX_LOGGED = 100
