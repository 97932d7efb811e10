"""Errors that are the user's to mend, kept apart so that every module can raise them."""


class UserError(Exception):
    """Something the user gave is wrong: a setting, a file, a device.

    Raise it with one clear line saying what was found and what is allowed. The command line
    prints that line after ``error:`` and leaves with exit code 2; no traceback is shown.
    """


class ConfigError(UserError):
    """A configuration that cannot be used; the message is one line naming the key or file."""
