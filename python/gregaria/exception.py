"""Locust's exceptions, of both generations: what a task may raise, and what the flow of tasks is steered by."""


class LocustError(Exception):
    pass


class ResponseError(Exception):
    """Raised in a `with` block around a request: the request is a failure, and the task goes on after the block."""


class CatchResponseError(Exception):
    """What a text given to `failure()` becomes."""


class MissingWaitTimeError(LocustError):
    pass


class InterruptTaskSet(Exception):
    """Ends the task set that runs; its parent goes on, at once if `reschedule`."""

    def __init__(self, reschedule=True):
        super().__init__(reschedule)
        self.reschedule = reschedule


class StopUser(Exception):
    """Ends the user."""


StopLocust = StopUser


class StopTest(Exception):
    """Ends the whole run."""


class RescheduleTask(Exception):
    """The task ends, and the user waits as after any other."""


class RescheduleTaskImmediately(Exception):
    """The task ends, and the next one begins without a wait."""
