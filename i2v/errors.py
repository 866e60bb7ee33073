"""The error that ends a command of `i2v` with one sentence and exit code 1."""


class CommandError(Exception):
    """A command cannot go on; the message says what happened and what to do about it."""
