"""Locust's exceptions, of both generations: those that a task may raise, and those that control the flow of tasks."""


class LocustError(Exception):
    """A locustfile uses an interface wrongly."""


class ResponseError(Exception):
    """Raised in the `with` block of a request, makes the request a failure; the task goes on after the block."""


class CatchResponseError(Exception):
    """The failure that a text given to `failure()` becomes."""


class MissingWaitTimeError(LocustError):
    """Only one of `min_wait` and `max_wait` is set."""


class InterruptTaskSet(Exception):
    """Ends the running task set. Its parent goes on at once if `reschedule` is true, else after a wait."""

    def __init__(self, reschedule: bool = True) -> None:
        super().__init__(reschedule)
        self.reschedule = reschedule


class StopUser(Exception):
    """Ends the user."""


StopLocust = StopUser


class StopTest(Exception):
    """Ends the whole run."""


class RescheduleTask(Exception):
    """Ends the task. The user waits as after any other."""


class RescheduleTaskImmediately(Exception):
    """Ends the task. The next one starts without a wait."""
