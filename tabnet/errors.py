"""What a person can put right."""


class InputError(ValueError):
    """A parameter, a file or data that cannot be used; its one line says what is allowed.

    Stages print that line alone. Any other error is a fault of the program, with a traceback.
    """
