"""Raises errors for modules and attributes by the names that they had before, which say the new ones."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from importlib.abc import Loader
    from types import ModuleType

__all__ = ["FormerNames", "refuse_moved_modules"]


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


def refuse_moved_modules(package: str, new_place: Callable[[str], str | None]) -> None:
    """Makes an import of a module of a package by its old name raise an error that says the new one.

    Args:
        package: The package's name, such as "tfapp".
        new_place: Returns the new name of a module in it, or None where there never was such a module.
    """
    sys.meta_path.append(_MovedModules(f"{package}.", new_place))


class _MovedModules:
    """A finder of modules that are elsewhere now, and their loader, which raises the error.

    It stands last in `sys.meta_path`, so it is asked for modules alone that no other finder has. To a finder, an
    `import` looks like `importlib.util.find_spec`: so that gets a spec for an old name, too, rather than None. Who
    searches before an import learns the new name from the import, and so does `python -m`.
    """

    def __init__(self, prefix: str, new_place: Callable[[str], str | None]) -> None:
        self._prefix = prefix
        self._new_place = new_place

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        """Returns the spec of a module by its old name; None for any other."""
        is_moved = name.startswith(self._prefix) and self._new_place(name)
        return ModuleSpec(name, cast("Loader", self)) if is_moved else None

    def create_module(self, _spec: ModuleSpec) -> None:
        """Leaves it to Python to make the module."""

    def exec_module(self, module: ModuleType) -> NoReturn:
        """Raises the error, as nothing can be loaded by an old name."""
        self.get_code(module.__name__)

    def get_code(self, name: str) -> NoReturn:
        """Raises the error for `python -m`, which asks for the code."""
        raise ModuleNotFoundError(f"{name} is {self._new_place(name)} now", name=name)
