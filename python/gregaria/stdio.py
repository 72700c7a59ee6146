"""What a locustfile prints while a run is on: it goes the way of everything that is shown, so that a live display and a
line of someone's own do not get into each other's way.
"""

import io
import sys


class ScreenWriter(io.TextIOBase):
    """Stands in for stdout or stderr."""

    def __init__(self, stream, run, is_error):
        super().__init__()
        self._stream, self._run, self._is_error = stream, run, is_error

    @property
    def encoding(self):
        return self._stream.encoding

    def writable(self):
        return True

    def isatty(self):
        return self._stream.isatty()

    def fileno(self):
        return self._stream.fileno()

    def write(self, text):
        self._run.print(text, self._is_error)
        return len(text)


class Exchangeable:
    """Passes everything on to a stream that can be exchanged for another; who keeps it, a log handler perhaps, goes along."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)


def take_over(run):
    """From now on what is printed goes through the run's screen. Only a terminal has anything to protect."""
    if sys.stderr.isatty():
        sys.stdout.flush()
        is_data = sys.stdout.stream is sys.stderr
        sys.stdout = ScreenWriter(sys.stdout, run, is_error=is_data)
        sys.stderr = ScreenWriter(sys.stderr, run, is_error=True)


def give_back():
    """The streams as they were."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, ScreenWriter):
            setattr(sys, name, stream._stream)
