"""Exceptions in a user's own code: counted by their place, passed to listeners, logged once for each place.

The place is the traceback without the message, as in Locust: messages often contain values that differ each time.
"""

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
    shown = own_traceback(error)
    text = "".join(shown.format())
    # Only an exception that was never raised has no frames.
    place = f"{type(error).__name__}\n{''.join(shown.stack.format()) or error}"
    hooks = environment.events if environment else events
    run_state = environment.run_state if environment else None
    first_errors = run_state.first_errors if run_state else {}
    is_first = place not in first_errors and len(first_errors) < MAX_PLACES
    if is_first:
        first_errors[place] = (str(error) or repr(error), text)
    if run_state is not None:
        run_state.bridge.record_exception(*first_errors.get(place, (type(error).__name__, "")))
    hooks.user_error.fire(user_instance=owner, exception=error, tb=error.__traceback__)
    if hooks.locust_error._handlers:
        hooks.locust_error.fire(locust_instance=owner, exception=error, tb=error.__traceback__)
    if is_first:
        logger.error("%s: %s (others like it are counted only)\n%s", type(error).__name__, error, text.rstrip())


def own_traceback(error: BaseException) -> traceback.TracebackException:
    """Returns the traceback without the frames of this package, unless there are no others."""
    whole = traceback.TracebackException.from_exception(error)
    parts = [whole]
    while parts:
        part = parts.pop()
        foreign = [frame for frame in part.stack if not frame.filename.startswith(_PACKAGE_FOLDER)]
        part.stack[:] = foreign or part.stack
        parts += [other for other in (part.__cause__, part.__context__) if other]
    return whole


#: Places of exceptions that are logged and keep their first message, in one run. Exceptions of further places are
#: counted under their type.
MAX_PLACES = 500
