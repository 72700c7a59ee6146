"""Arguments that a locustfile adds: listeners of `events.init_command_line_parser` receive an argparse parser for them.

The extension module parses the command line, with these arguments among its flags, and returns the words given for
them. Argparse converts the words to values.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ._engine import USAGE_ERROR, CliError

if TYPE_CHECKING:
    from .engine_types import ArgumentDescription, Arity

#: Keyword arguments that Locust's parser takes beside those of argparse, and their defaults.
LOCUST_KEYWORDS: dict[str, Any] = {
    "include_in_web_ui": True,
    "is_secret": False,
    "is_required": False,
    "is_multiple": False,
    "env_var": None,
}


class LocustArgumentParser(argparse.ArgumentParser):
    """An argparse parser that also takes the keyword arguments of Locust's."""

    def __init__(self) -> None:
        super().__init__(prog="gregaria", add_help=False, allow_abbrev=False)

    def add_argument(self, *args: Any, **kwargs: Any) -> argparse.Action:
        """Adds an argument.

        `include_in_web_ui`, `is_secret`, `is_required`, `is_multiple` and `env_var` are Locust's.
        """
        of_locust = {name: kwargs.pop(name, default) for name, default in LOCUST_KEYWORDS.items()}
        action = super().add_argument(*args, **kwargs)
        for name, value in of_locust.items():
            setattr(action, name, value)
        return action

    add = add_argument

    def error(self, message: str) -> NoReturn:
        raise CliError(USAGE_ERROR, " ".join(message.split()))

    def described(self) -> list[ArgumentDescription]:
        """Returns each argument in the form that `command_line.rs` reads."""
        return [_describe(action) for action in self._actions]

    def values(self, words: Sequence[str]) -> dict[str, Any]:
        """Returns the values of the arguments, by name."""
        return vars(self.parse_args(words))


def _describe(action: Any) -> ArgumentDescription:
    help_text = action.help
    return {
        "flags": list(action.option_strings),
        "dest": action.dest,
        "env_var": action.env_var,
        "value_name": action.metavar if isinstance(action.metavar, str) else None,
        "help": None if help_text == argparse.SUPPRESS else help_text and help_text.replace("%%", "%"),
        "arity": _arity(action),
        "choices": [str(choice) for choice in action.choices or []],
        "required": action.required or bool(action.is_required),
        "hidden": help_text == argparse.SUPPRESS,
        "secret": bool(action.is_secret),
    }


def _arity(action: argparse.Action) -> Arity:
    match action.nargs:
        case None:
            return "one"
        case "?":
            return "optional"
        case int(number):
            return number or "zero"
        case _:
            return "many"
