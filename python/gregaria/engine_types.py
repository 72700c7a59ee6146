"""Types of the values between the Python package and the extension module. Only type checkers import them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, TypedDict

from ._engine import HostEvent, Response, UploadChunkNeeded, UserAction

#: Name, weight and, for a task set, its tasks. See `scenario.rs`.
TaskDescription: TypeAlias = "tuple[str, int, list[TaskDescription]]"


class ClassDescription(TypedDict):
    """A user class. See `scenario.rs`."""

    name: str
    weight: float
    fixed_count: int
    host: str | None
    needs_host: bool
    tasks: list[TaskDescription]


#: The number of values of an argument.
Arity: TypeAlias = Literal["zero", "optional", "one", "many"] | int


class ArgumentDescription(TypedDict):
    """An argument that a locustfile adds. See `command_line.rs`."""

    flags: list[str]
    dest: str
    env_var: str | None
    value_name: str | None
    help: str | None
    arity: Arity
    choices: list[str]
    required: bool
    hidden: bool
    secret: bool


#: Name, value, domain, path, https only, this host only, expiry in seconds since 1970. See `session.rs`.
CookieFields: TypeAlias = tuple[str, str, str, str, bool, bool, int | None]
#: The value that a greenlet waits for: a response or the exception for a request that cannot be sent; a request for the
#: next chunk of an upload; a chunk of a streamed body, `None` at its end, or the exception that ends it. See
#: `completions.rs`.
Completion: TypeAlias = Response | UploadChunkNeeded | bytes | BaseException | None
#: Resumes a greenlet.
Resume: TypeAlias = Callable[[Completion], object]
AnyUserAction: TypeAlias = (
    UserAction.StartRun | UserAction.SpawnUser | UserAction.StopUser | UserAction.StopAll | UserAction.AbortAll
)
AnyHostEvent: TypeAlias = HostEvent.SpawningComplete | HostEvent.Stopped | HostEvent.Quitting | HostEvent.Exit
