"""Calls that refuse in one line."""

import pytest

from cortex.errors import UserError


def refusal(call, *arguments, error=UserError, **named):
    """The one line that a call is refused with."""
    with pytest.raises(error) as caught:
        call(*arguments, **named)
    line = str(caught.value)
    assert "\n" not in line
    return line


def outcome(call, *arguments):
    """What a call gives, and the line that it refuses with; one of the two is None."""
    try:
        return call(*arguments), None
    except UserError as error:
        return None, str(error)
