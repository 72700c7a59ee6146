"""Arguments that a locustfile adds: `events.init_command_line_parser` gives it an argparse parser to add them to.

The native half parses the command line, with these among its flags, and gives back what was written for them; argparse
makes values of it.
"""

import argparse

from ._engine import Refused

USAGE = 2


class LocustArgumentParser(argparse.ArgumentParser):
    """Takes what Locust's takes besides argparse's own."""

    def __init__(self):
        super().__init__(prog="gregaria", add_help=False, allow_abbrev=False)

    def add_argument(self, *args, **kwargs):
        """`include_in_web_ui`, `is_secret`, `is_required`, `is_multiple` and `env_var` are Locust's."""
        ours = {name: kwargs.pop(name, default) for name, default in OURS.items()}
        action = super().add_argument(*args, **kwargs)
        for name, value in ours.items():
            setattr(action, name, value)
        return action

    add = add_argument

    def error(self, message):
        raise Refused(USAGE, " ".join(message.split()))

    def described(self):
        """Each argument as `command_line.rs` takes it apart."""
        return [_describe(action) for action in self._actions]

    def values(self, words):
        """What the words make of the arguments, by name."""
        return vars(self.parse_args(words))


def _describe(action):
    help_text = action.help
    return {
        "flags": list(action.option_strings),
        "dest": action.dest,
        "env_var": action.env_var,
        "value_name": action.metavar if isinstance(action.metavar, str) else None,
        "help": None if help_text == argparse.SUPPRESS else help_text and help_text.replace("%%", "%"),
        "takes": _takes(action),
        "choices": [str(choice) for choice in action.choices or []],
        "required": action.required or bool(action.is_required),
        "hidden": help_text == argparse.SUPPRESS,
    }


def _takes(action):
    if action.nargs == 0:
        return "nothing"
    if action.nargs == "?":
        return "optional"
    return "one" if action.nargs is None else str(action.nargs)


OURS = {
    "include_in_web_ui": True,
    "is_secret": False,
    "is_required": False,
    "is_multiple": False,
    "env_var": None,
}
