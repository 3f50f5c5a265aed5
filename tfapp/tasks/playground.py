"""The forms by which the console's playground asks the models of tasks, and shows their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tfapp_client import Client

__all__ = ["FormField", "FormValues", "PlaygroundForm", "PlaygroundModel"]


class FormValues(Protocol):
    """The values that were written into a form."""

    def required_text(self, name: str) -> str:
        """Returns the text of a field that must not be empty.

        Raises:
            SettingsError: It is.
        """

    def lines(self, name: str, *, fewest: int = 1) -> list[str]:
        """Returns the lines of a field that are not blank.

        Raises:
            SettingsError: There are too few or too many.
        """


@dataclass(frozen=True)
class FormField:
    """A field of a form.

    Attributes:
        name: Names it in `FormValues`.
        label: What stands above it.
        rows: How many lines of text it shows; 1: it takes one line only.
        hint: Stands below the label.
    """

    name: str
    label: str
    rows: int = 1
    hint: str = ""


@dataclass(frozen=True)
class PlaygroundModel:
    """The model that is asked.

    Attributes:
        client: Asks it.
        name: Its name.
        routing: Which version of it, as the client's methods take it: `version` and `label`, each of them may be None.
    """

    client: Client
    name: str
    routing: Mapping[str, Any]


@dataclass(frozen=True)
class PlaygroundForm:
    """A task's form in the playground.

    Attributes:
        fields: What is asked for.
        ask: Asks the model about what was written, and returns the values for the template. It raises SettingsError
            where a field breaks its rule, and ClientError where the model cannot be asked.
        template: The Jinja template of the answer, whose file name is no other task's; it finds the values as `answer`.
        stylesheet: The stylesheet of the answer; all files of its folder are served to browsers, below
            `/static/tasks/NAME`. None: it has none of its own.
    """

    fields: tuple[FormField, ...]
    ask: Callable[[PlaygroundModel, FormValues], Mapping[str, Any]]
    template: Path
    stylesheet: Path | None = None
