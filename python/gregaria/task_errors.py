"""Exceptions in a user's own code: counted, passed to listeners, logged once each, and listed at the end of the run."""

from __future__ import annotations

import logging
import os
import traceback
from typing import TYPE_CHECKING

from .event import events

if TYPE_CHECKING:
    from .environment import Environment

logger = logging.getLogger(__name__)

_PACKAGE_FOLDER = os.path.dirname(__file__) + os.sep


def report_error(environment: Environment | None, owner: object, error: BaseException) -> None:
    """Reports an exception raised by the code of `owner`, a user, a task set or a user class.

    Without an environment there is no run to count it in: a program has called a user's method itself.
    """
    text = traceback_text(error)
    hooks = environment.events if environment else events
    run_state = environment.run_state if environment else None
    if run_state is not None:
        run_state.bridge.record_exception(str(error) or repr(error), text)
    hooks.user_error.fire(user_instance=owner, exception=error, tb=error.__traceback__)
    if hooks.locust_error._handlers:
        hooks.locust_error.fire(locust_instance=owner, exception=error, tb=error.__traceback__)
    logged = run_state.logged_tracebacks if run_state else set()
    if text not in logged and len(logged) < MAX_LOGGED:
        logged.add(text)
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
