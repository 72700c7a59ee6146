"""Imports locustfiles, finds their user classes, and says in one line what keeps one from being imported."""

import importlib.util
import inspect
import os
import sys
import traceback

from ._engine import Refused
from .user import Locust, User


def load(paths):
    """The user classes of all locustfiles, in the order in which they are declared."""
    found = {}
    for path in paths:
        for user_class in _user_classes(_import(str(path))):
            known = found.setdefault(user_class.__name__, user_class)
            if known is not user_class:
                _refuse(f"two locustfiles have a user class {user_class.__name__}: rename one")
    if not found:
        names = ", ".join(_shown(str(path)) for path in paths)
        _refuse(f"{names}: no user class found: derive one from HttpUser or User, and give it tasks")
    for user_class in found.values():
        _check_tasks(user_class)
        _check_numbers(user_class)
    return list(found.values())


def _import(path):
    folder, file = os.path.split(path)
    name = os.path.splitext(file)[0]
    # Not to be mistaken for the package whose names it imports.
    name = "locustfile" if name == "locust" else name
    is_package = os.path.isdir(path)
    location = os.path.join(path, "__init__.py") if is_package else path
    search = [path] if is_package else None
    sys.path[:0] = [folder, os.getcwd()]
    spec = importlib.util.spec_from_file_location(name, location, submodule_search_locations=search)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        _refuse_syntax(error)
    except (Exception, SystemExit) as error:
        _refuse_import(path, error)
    return module


def _user_classes(module):
    for name, value in vars(module).items():
        if not (inspect.isclass(value) and issubclass(value, User)) or value.abstract or name.startswith("_"):
            continue
        # 0.7: what has no task set is only there to be derived from.
        if issubclass(value, Locust) and not (value.task_set or value.tasks):
            continue
        yield value


def _check_tasks(user_class):
    if not user_class.tasks and not getattr(user_class, "task_set", None):
        what = "give it some with @task or tasks, or set abstract = True if it is only there to be derived from"
        _refuse(f"user class {user_class.__name__} has no tasks: {what}")


def _check_numbers(user_class):
    for name, kinds, what in (("weight", (int, float), "a number"), ("fixed_count", int, "a whole number")):
        value = getattr(user_class, name)
        if not (isinstance(value, kinds) and 0 <= value < float("inf")):
            _refuse(f"user class {user_class.__name__}: {name} must be {what} of at least 0, not {value!r}")


def _refuse_syntax(error):
    line = (error.text or "").strip()
    _refuse(f"{_shown(error.filename)}, line {error.lineno}: {error.msg}{': ' if line else ''}{line}")


def _refuse_import(path, error):
    """Names the line of the locustfile itself, and where in its modules the error came from."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    own = next((frame for frame in frames if frame.filename.startswith(path)), None)
    last = frames[-1] if frames else None
    where = f"{_shown(own.filename)}, line {own.lineno}" if own else _shown(path)
    if isinstance(error, SystemExit):
        what = f"it calls sys.exit({error.code!r}) while it is imported: a locustfile must only define things then"
    else:
        what = f"{type(error).__name__}: {error}"
    what += _advice(error)
    if last and own and (last.filename, last.lineno) != (own.filename, own.lineno):
        what += f" (in {_shown(last.filename)}, line {last.lineno})"
    _refuse(f"{where}: {' '.join(what.split())}")


def _advice(error):
    """What to do about something that cannot be imported."""
    name = error.name or "" if isinstance(error, ImportError) else ""
    if name.split(".")[0] == "locust":
        return ": that part of Locust is not there yet, docs/python.md lists what is"
    if isinstance(error, ModuleNotFoundError) and name:
        return f": install it with {sys.executable} -m pip, or put it beside the locustfile"
    return ""


def _is_users(filename):
    own = os.path.dirname(__file__)
    return not filename.startswith((own, "<frozen")) and os.sep + "importlib" + os.sep not in filename


def _shown(path):
    """Shorter from here, if that does not lead out of here."""
    relative = os.path.relpath(path or "?")
    return path if relative.startswith("..") else relative


def _refuse(message):
    raise Refused(CANNOT_RUN, message)


CANNOT_RUN = 1
