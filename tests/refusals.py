"""Calls that either give something or refuse in one line."""

from cortex.errors import UserError


def outcome(call, *arguments):
    """What a call gives, and the line that it refuses with; one of the two is None."""
    try:
        return call(*arguments), None
    except UserError as error:
        return None, str(error)
