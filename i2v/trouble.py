"""What goes wrong for a person at the command line, said in one sentence."""


class Trouble(Exception):  # noqa: N818 - it reads as what it is: `raise Trouble("...")`
    """The message says what happened and what to do about it."""
