"""Standard output, standard error and Python's log while a run is on.

All three go through the extension module: prints appear above the live display of a terminal, and log records have the
form and the file of all others.
"""

from __future__ import annotations

import io
import logging
import sys
from types import TracebackType
from typing import Any, TextIO, cast

from ._engine import Run, log_record


class ScreenWriter(io.TextIOBase):
    """A stand-in for stdout or stderr that prints above the live display."""

    def __init__(self, stream: TextIO, run: Run, is_error: bool) -> None:
        super().__init__()
        self._stream, self._run, self._is_error = stream, run, is_error

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        self._run.print(text, self._is_error)
        return len(text)


class ReplaceableStream:
    """Forwards to a stream that can be replaced later, also for code that keeps a reference, such as a log handler."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def redirect_to_screen(run: Run) -> None:
    """Sends all prints through the run's screen. Without a terminal there is no live display to protect."""
    if sys.stderr.isatty():
        sys.stdout.flush()
        is_data = cast(ReplaceableStream, sys.stdout).stream is sys.stderr
        sys.stdout = cast(TextIO, ScreenWriter(sys.stdout, run, is_error=is_data))
        sys.stderr = cast(TextIO, ScreenWriter(sys.stderr, run, is_error=True))


def restore() -> None:
    """Undoes `redirect_to_screen`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, ScreenWriter):
            setattr(sys, name, stream._stream)


class EngineHandler(logging.Handler):
    """Passes log records to the extension module."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log_record(record.levelno, record.name, self.format(record))
        except Exception:
            self.handleError(record)


def redirect_log(level: str) -> None:
    """Replaces the handlers of Python's root logger. `level` is the name of a level in any case."""
    root = logging.getLogger()
    root.handlers[:] = [EngineHandler()]
    root.setLevel(level.upper())
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("gregaria").critical("This is a bug of gregaria", exc_info=(kind, error, trace))
