"""What a person can put right."""


class InputError(ValueError):
    """A parameter, a file or data that cannot be used; its one line says what is allowed.

    Stages print that line alone. Any other error is a fault of the program, with a traceback.
    """


class DivergedError(InputError):
    """Every seed's numbers have left the finite ones."""


def squeeze(text: object) -> str:
    """Any text on one line.

    >>> squeeze("two\\n  lines")
    'two lines'
    """
    return " ".join(str(text).split())
