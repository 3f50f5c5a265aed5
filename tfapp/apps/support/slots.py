"""Fills the {slots} of answers with the entities that a tagging model finds in the conversation."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter

from tfapp.errors import DataError

__all__ = ["check_template", "fill", "missing_slots"]


def check_template(intent: str, template: str) -> None:
    """Refuses an answer whose slots are not written as {name}.

    Raises:
        DataError: Braces do not close, or a slot has no plain name.
    """
    try:
        names = _names(template)
    except ValueError as error:
        raise DataError(f'the answer of intent "{intent}": {error}; a slot is {{name}}, a brace {{{{') from error
    invalid_name = next((name for name in names if not name.isidentifier()), None)
    if invalid_name is not None:
        raise DataError(
            f'the answer of intent "{intent}": {{{invalid_name}}} is no slot; a slot is {{name}}, a brace {{{{'
        )


def missing_slots(template: str, slots: Mapping[str, str]) -> list[str]:
    """Returns the slots of an answer that have no value yet, in order."""
    return [name for name in dict.fromkeys(_names(template)) if name not in slots]


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Fills an answer whose slots are all known; braces in the values stay as they are.

    Example:
        >>> fill("Order {order} is on its way.", {"order": "B-1207"})
        'Order B-1207 is on its way.'
    """
    parts = Formatter().parse(template)
    return "".join(text + (slots[name] if name is not None else "") for text, name, _, _ in parts)


def _names(template: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(template) if name is not None]
