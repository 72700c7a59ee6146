"""The demo shop as a separate process, and the requests in its log."""

import os
import subprocess
import sys
from collections import Counter


class Shop:
    """A process that serves the demo shop until `close` is called."""

    def __init__(self, log):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gregaria", "--demo-site"],
            env=os.environ | {"GREGARIA_DEMO_LOG": str(log)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._process.stdout.readline().strip()

    def close(self):
        self._process.communicate()


def logged(log):
    """Returns the number of logged requests by method and name. Names are those of the examples."""
    counts = Counter()
    for line in log.read_text().splitlines():
        method, target, _status = line.split(" ")
        for beginning, name in NAMES.items():
            if target.startswith(beginning):
                target = name
        counts[method, target] += 1
    return counts


NAMES = {"/items/": "/items/[id]", "/items?page=": "/items?page=[n]", "/search?q=": "/search?q=[word]"}
