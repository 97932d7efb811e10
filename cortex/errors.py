"""The one error that is the user's to mend, kept apart so that every module can raise it."""


class UserError(Exception):
    """Something the user gave is wrong: a setting, a file, a device.

    Raise it with one clear line saying what was found and what is allowed. The command line
    prints that line after ``error:`` and leaves with exit code 2; no traceback is shown.
    """
