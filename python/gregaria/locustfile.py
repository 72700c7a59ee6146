"""Imports locustfiles and finds their user classes. An error of a locustfile becomes one line that names its cause."""

from __future__ import annotations

import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn, cast

from ._engine import RUNTIME_ERROR, CliError
from .user import Locust, User


def load(paths: Iterable[str | os.PathLike[str]]) -> list[type[User]]:
    """Returns the user classes of all locustfiles, in the order of declaration."""
    paths = list(paths)
    found: dict[str, type[User]] = {}
    for path in paths:
        for user_class in _user_classes(_import(str(path))):
            known = found.setdefault(user_class.__name__, user_class)
            if known is not user_class:
                _fail(f"two locustfiles have a user class {user_class.__name__}: rename one")
    if not found:
        names = ", ".join(_display_path(str(path)) for path in paths)
        _fail(f"{names}: no user class found: derive one from HttpUser or User, and give it tasks")
    for user_class in found.values():
        _check_tasks(user_class)
        _check_numbers(user_class)
    return list(found.values())


def _import(path: str) -> ModuleType:
    folder, file = os.path.split(path)
    name = os.path.splitext(file)[0]
    # A file locust.py must not replace the module locust, which it imports.
    name = "locustfile" if name == "locust" else name
    is_package = os.path.isdir(path)
    location = os.path.join(path, "__init__.py") if is_package else path
    search = [path] if is_package else None
    sys.path[:0] = [folder, os.getcwd()]
    spec = cast(ModuleSpec, importlib.util.spec_from_file_location(name, location, submodule_search_locations=search))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        cast(Loader, spec.loader).exec_module(module)
    except SyntaxError as error:
        _fail_syntax(error)
    except (Exception, SystemExit) as error:
        _fail_import(path, error)
    return module


def _user_classes(module: ModuleType) -> Iterator[type[User]]:
    for name, value in vars(module).items():
        if not (inspect.isclass(value) and issubclass(value, User)) or value.abstract or name.startswith("_"):
            continue
        # 0.7: a class without a task set only serves as a base.
        if issubclass(value, Locust) and not (value.task_set or value.tasks):
            continue
        yield value


def _check_tasks(user_class: type[User]) -> None:
    if not user_class.tasks and not getattr(user_class, "task_set", None):
        remedy = "give it some with @task or tasks, or set abstract = True if it is only there to be derived from"
        _fail(f"user class {user_class.__name__} has no tasks: {remedy}")


def _check_numbers(user_class: type[User]) -> None:
    for name, kinds, what in (("weight", (int, float), "a number"), ("fixed_count", (int,), "a whole number")):
        value = getattr(user_class, name)
        if not (isinstance(value, kinds) and 0 <= value < float("inf")):
            _fail(f"user class {user_class.__name__}: {name} must be {what} of at least 0, not {value!r}")


def _fail_syntax(error: SyntaxError) -> NoReturn:
    line = (error.text or "").strip()
    _fail(f"{_display_path(error.filename)}, line {error.lineno}: {error.msg}{': ' if line else ''}{line}")


def _fail_import(path: str, error: BaseException) -> NoReturn:
    """Raises an error that names the line of the locustfile and the line of its modules where the error was raised."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_user_code(frame.filename)]
    own = next((frame for frame in frames if frame.filename.startswith(path)), None)
    last = frames[-1] if frames else None
    where = f"{_display_path(own.filename)}, line {own.lineno}" if own else _display_path(path)
    if isinstance(error, SystemExit):
        what = f"it calls sys.exit({error.code!r}) on import: a locustfile must not end the process"
    else:
        what = f"{type(error).__name__}: {error}"
    what += _remedy(error)
    if last and own and (last.filename, last.lineno) != (own.filename, own.lineno):
        what += f" (in {_display_path(last.filename)}, line {last.lineno})"
    _fail(f"{where}: {' '.join(what.split())}")


def _remedy(error: BaseException) -> str:
    """Returns the remedy for a module that cannot be imported."""
    name = (error.name or "") if isinstance(error, ImportError) else ""
    if name.split(".")[0] == "locust":
        return ": this part of Locust is not supported; docs/python.md lists the supported parts"
    if isinstance(error, ModuleNotFoundError) and name:
        return f": install it with {sys.executable} -m pip, or put it beside the locustfile"
    return ""


def _is_user_code(filename: str) -> bool:
    own = os.path.dirname(__file__)
    return not filename.startswith((own, "<frozen")) and os.sep + "importlib" + os.sep not in filename


def _display_path(path: str | None) -> str:
    """Returns the path relative to the current folder, unless the file is outside it."""
    relative = os.path.relpath(path or "?")
    return cast(str, path) if relative.startswith("..") else relative


def _fail(message: str) -> NoReturn:
    raise CliError(RUNTIME_ERROR, message)
