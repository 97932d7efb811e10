"""Errors that are the user's to mend, kept apart so that every module can raise them."""


class UserError(Exception):
    """Something the user gave is wrong: a setting, a file, a device.

    Raise it with one clear line saying what was found and what is allowed. The command line
    prints that line after ``error:`` and leaves with exit code 2; no traceback is shown.
    """


class ConfigError(UserError):
    """A configuration that cannot be used; the message is one line naming the key or file."""


def out_of_memory(error: Exception) -> bool:
    """Whether a device, or this process, ran out of memory; JAX has no class of its own for it."""
    text = str(error).casefold()
    return isinstance(error, MemoryError) or "resource_exhausted" in text or "out of memory" in text
