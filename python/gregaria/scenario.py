"""User classes as the native half knows them: names, weights, hosts, and which task is how likely."""

from .client import without_credentials
from ._engine import Refused
from .task import TaskSet
from .user import HttpUser


def describe(user_class):
    """As `scenario.rs` takes it apart."""
    return {
        "name": user_class.__name__,
        "weight": float(user_class.weight),
        "fixed_count": int(user_class.fixed_count),
        # The engine speaks to a place; who speaks is the client's affair.
        "host": user_class.host and without_credentials(user_class.host)[0],
        "needs_host": issubclass(user_class, HttpUser),
        "tasks": tasks_of(user_class),
    }


def tasks_of(holder):
    """Name, weight and tasks of each task, in the order of their first mention."""
    tasks = list(holder.tasks)
    task_set = getattr(holder, "task_set", None)
    if task_set:
        # 0.7: the task set is the user's behaviour, not one of its tasks.
        return tasks_of(task_set)
    weights = {}
    for task in tasks:
        weights[task] = weights.get(task, 0) + 1
    is_set = lambda task: isinstance(task, type) and issubclass(task, TaskSet)
    return [(task.__name__, weight, tasks_of(task) if is_set(task) else []) for task, weight in weights.items()]


def with_tags(user_classes, tags, exclude_tags):
    """The classes that have tasks left, and refuses tags that leave none."""
    for user_class in user_classes:
        keep_tagged(user_class, tags, exclude_tags)
    left = [user_class for user_class in user_classes if tasks_of(user_class)]
    if not left:
        raise Refused(CANNOT_RUN, "no task is left with these tags (-T) and without those (-E)")
    return left


def keep_tagged(holder, tags, exclude_tags):
    """Leaves only tasks with one of `tags`, if there are any, and none of `exclude_tags`."""
    kept = []
    for task in holder.tasks:
        if hasattr(task, "tasks"):
            keep_tagged(task, tags, exclude_tags)
            passes = bool(task.tasks)
        else:
            own = getattr(task, "locust_tag_set", set())
            passes = (not tags or bool(own & tags)) and not own & exclude_tags
        if passes:
            kept.append(task)
    holder.tasks = kept
    if getattr(holder, "task_set", None):
        keep_tagged(holder.task_set, tags, exclude_tags)


CANNOT_RUN = 1
