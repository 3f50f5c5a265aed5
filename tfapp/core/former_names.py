"""The errors for attributes of classes that were renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

__all__ = ["FormerNames"]


class FormerNames:
    """A class whose errors for old names of its attributes say the new ones.

    Attributes:
        former_names: What stands there now, by the old name.
    """

    former_names: ClassVar[Mapping[str, str]] = {}

    # Type checkers would take any name for an attribute.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            message = f"{type(self).__name__!r} object has no attribute {name!r}"
            if name in self.former_names:
                message = f"{type(self).__name__}.{name} is {self.former_names[name]} now"
            raise AttributeError(message, name=name, obj=self)
