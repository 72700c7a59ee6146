"""Descriptions of user classes for the extension module: names, weights, hosts, and the weights of their tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ._engine import RUNTIME_ERROR, CliError
from .client import without_credentials
from .task import TaskSet
from .user import HttpUser, User

if TYPE_CHECKING:
    from .engine_types import ClassDescription, TaskDescription


def describe(user_class: type[User]) -> ClassDescription:
    """Returns the description that `scenario.rs` reads."""
    return {
        "name": user_class.__name__,
        "weight": float(user_class.weight),
        "fixed_count": int(user_class.fixed_count),
        # The engine takes the origin; credentials belong to the client.
        "host": user_class.host and without_credentials(user_class.host)[0],
        "needs_host": issubclass(user_class, HttpUser),
        "tasks": task_descriptions(user_class),
    }


def task_descriptions(owner: Any) -> list[TaskDescription]:
    """Returns name, weight and nested tasks of each task of a user class or task set, in the order of declaration."""
    tasks = list(owner.tasks)
    task_set = getattr(owner, "task_set", None)
    if task_set:
        # 0.7: the task set is the behavior of the user and not one of its tasks.
        return task_descriptions(task_set)
    weights: dict[Any, int] = {}
    for task in tasks:
        weights[task] = weights.get(task, 0) + 1
    return [
        (task.__name__, weight, task_descriptions(task) if _is_task_set(task) else [])
        for task, weight in weights.items()
    ]


def _is_task_set(task: object) -> bool:
    return isinstance(task, type) and issubclass(task, TaskSet)


def with_tags(user_classes: Iterable[type[User]], tags: set[str], exclude_tags: set[str]) -> list[type[User]]:
    """Returns the classes that have tasks with these tags; an error if there are none."""
    user_classes = list(user_classes)
    for user_class in user_classes:
        keep_tagged(user_class, tags, exclude_tags)
    remaining = [user_class for user_class in user_classes if task_descriptions(user_class)]
    if not remaining:
        raise CliError(RUNTIME_ERROR, "no task is left with these tags (-T) and without those (-E)")
    return remaining


def keep_tagged(owner: Any, tags: set[str], exclude_tags: set[str]) -> None:
    """Removes the tasks that have none of `tags`, if `tags` is not empty, or one of `exclude_tags`."""
    kept = []
    for task in owner.tasks:
        if hasattr(task, "tasks"):
            keep_tagged(task, tags, exclude_tags)
            passes = bool(task.tasks)
        else:
            own: set[str] = getattr(task, "locust_tag_set", set())
            passes = (not tags or bool(own & tags)) and not own & exclude_tags
        if passes:
            kept.append(task)
    owner.tasks = kept
    if getattr(owner, "task_set", None):
        keep_tagged(owner.task_set, tags, exclude_tags)
