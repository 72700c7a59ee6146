"""Python's log: its records are written by the native half, in one file and one form with all others."""

import logging
import sys

from ._engine import log_record


class EngineHandler(logging.Handler):
    """Hands records over."""

    def emit(self, record):
        try:
            log_record(record.levelno, record.name, self.format(record))
        except Exception:
            self.handleError(record)


def set_up(level):
    """Takes over Python's log. `level` is the name of one, in any case."""
    root = logging.getLogger()
    root.handlers[:] = [EngineHandler()]
    root.setLevel(level.upper())
    sys.excepthook = _log_exception


def _log_exception(kind, error, trace):
    """What is not caught anywhere is a bug of ours."""
    logging.getLogger("gregaria").critical("This is a bug of gregaria", exc_info=(kind, error, trace))
