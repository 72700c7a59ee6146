"""The import names of Locust for this process: `locust` and its modules, as both generations document them.

An installed Locust is not changed, but it is not the one that is imported. The command imports this module before a
locustfile. `import gregaria.as_locust` has the same effect in any other program, and `-p gregaria.as_locust` in pytest.
`locust-stubs/` declares the same names for type checkers.
"""

from __future__ import annotations

import sys
import types
from typing import Any, cast

from . import client, environment, event, exception, task, user, wait_time
from ._engine import Response

#: The version of Locust that locustfiles see.
VERSION = "2.47.0"

_LOCUST: dict[str, Any] = {
    "DefaultTaskSet": task.DefaultTaskSet,
    "FastHttpUser": user.FastHttpUser,
    "HttpLocust": user.HttpLocust,
    "HttpUser": user.HttpUser,
    "InterruptTaskSet": exception.InterruptTaskSet,
    "Locust": user.Locust,
    "RescheduleTaskImmediately": exception.RescheduleTaskImmediately,
    "ResponseError": exception.ResponseError,
    "SequentialTaskSet": task.SequentialTaskSet,
    "TaskSet": task.TaskSet,
    "User": user.User,
    "between": wait_time.between,
    "constant": wait_time.constant,
    "constant_pacing": wait_time.constant_pacing,
    "constant_throughput": wait_time.constant_throughput,
    "events": event.events,
    "poisson": wait_time.poisson,
    "tag": task.tag,
    "task": task.task,
    "wait_time": wait_time,
    "__version__": VERSION,
    "version": VERSION,
}
_CLIENTS = {"HttpSession": client.HttpSession, "Response": Response, "ResponseContextManager": Response}
_TASKS = {name: _LOCUST[name] for name in ("DefaultTaskSet", "TaskSet", "tag", "task")}
_USERS = {name: _LOCUST[name] for name in ("FastHttpUser", "HttpUser", "User")}
_WAIT_TIMES = {
    name: _LOCUST[name] for name in ("between", "constant", "constant_pacing", "constant_throughput", "poisson")
}
_RUNNERS: dict[str, Any] = {
    "LocalRunner": environment.LocalRunner,
    "MasterRunner": environment.MasterRunner,
    "Runner": environment.Runner,
    "WorkerRunner": environment.WorkerRunner,
    # 0.7: the runner, once there is one.
    "locust_runner": None,
    **environment.STATES,
}

#: The modules of Locust and the names in each.
MODULES: dict[str, dict[str, Any]] = {
    "locust": _LOCUST,
    "locust.clients": _CLIENTS,
    "locust.contrib": {},
    "locust.contrib.fasthttp": {"FastHttpUser": user.FastHttpUser},
    # 0.7
    "locust.core": _TASKS | {name: _LOCUST[name] for name in ("HttpLocust", "Locust", "events")},
    "locust.env": {"Environment": environment.Environment},
    "locust.event": {"EventHook": event.EventHook, "Events": event.Events},
    "locust.exception": {name: value for name, value in vars(exception).items() if isinstance(value, type)},
    "locust.runners": _RUNNERS,
    "locust.stats": {"RequestStats": environment.RequestStats, "StatsEntry": environment.StatsEntry},
    "locust.user": _USERS | _TASKS,
    "locust.user.sequential_taskset": {"SequentialTaskSet": task.SequentialTaskSet},
    "locust.user.task": _TASKS,
    "locust.user.users": _USERS,
    "locust.user.wait_time": _WAIT_TIMES,
}


def install() -> None:
    """Adds the modules to those that are imported."""
    for name, names in MODULES.items():
        module = types.ModuleType(name, "Part of Locust, by gregaria.")
        module.__path__ = []
        vars(module).update(names)
        sys.modules[name] = module
    for name in MODULES:
        parent, _, child = name.rpartition(".")
        if parent:
            vars(sys.modules[parent]).setdefault(child, sys.modules[name])
    # 0.7: the hooks are the names of this module.
    sys.modules["locust.events"] = cast(types.ModuleType, event.events)


install()
