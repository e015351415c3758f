"""The errors that medlib raises on purpose: each message says what was given, what is accepted, and what to do."""


class MedlibError(Exception):
    """Base of every error that medlib raises on purpose; the command line prints it without a traceback."""

    exit_code = 1


class UsageError(MedlibError):
    """A command, parameter or argument was wrong; nothing has been done."""

    exit_code = 2


class DataError(MedlibError):
    """A file or a data set is missing, damaged or not what it says it is."""
