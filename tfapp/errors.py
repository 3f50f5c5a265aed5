"""The errors that tfapp raises for problems that a user can mend.

    TfappError
    ├── SettingsError    a settings file, a --set override, an argument of an API call
    ├── AssetError       a preset or a data set that could not be found, brought or verified
    ├── DataError        a data file, one of its rows, or its labels
    ├── ModelError       a preset, a checkpoint or a run that cannot be used
    ├── TrainingError    a run that cannot start, go on or be resumed
    ├── ExportError      a model that was not published: it failed its checks or could not be written
    ├── RegistryError    a models folder, a name or a version in it
    │   └── ReleaseRefusedError   a label that was not moved: the version is worse, does not load, or is not there
    ├── ServerError      a server that cannot start
    ├── StoreError       an application's database that cannot be reached or used
    └── ConflictError    what somebody else did first

Each message is one line that names the thing, the rule and the way out. A command prints it and exits with
status 2; any other exception is a defect of tfapp and shows its stack trace.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "AssetError",
    "ConflictError",
    "DataError",
    "ExportError",
    "ModelError",
    "RegistryError",
    "ReleaseRefusedError",
    "ServerError",
    "SettingsError",
    "StoreError",
    "TfappError",
    "TrainingError",
    "did_you_mean",
]


_SHOWN = 12


class TfappError(Exception):
    """The base class of the errors that a user of tfapp can mend."""


class SettingsError(TfappError):
    """A setting has an unknown name or a value against its rule."""


class AssetError(TfappError):
    """A preset or a data set could not be found, brought or verified."""


class DataError(TfappError):
    """A data file cannot be read, or its rows or labels break a rule."""


class ModelError(TfappError):
    """A preset, a checkpoint or a run cannot be used."""


class TrainingError(TfappError):
    """A run cannot start, go on or be resumed."""


class ExportError(TfappError):
    """A model was not published: it failed its checks or could not be written."""


class RegistryError(TfappError):
    """A models folder, a model's name or a version is missing or malformed."""


class ReleaseRefusedError(RegistryError):
    """A label was not moved, as the version is worse, does not load, or is not there.

    Attributes:
        settled: Whether servers load what labels name since, as the model config file had no policy for the model.
    """

    def __init__(self, message: str, *, settled: bool = False) -> None:
        super().__init__(message)
        self.settled = settled


class ServerError(TfappError):
    """A model server cannot start."""


class StoreError(TfappError):
    """An application's database cannot be reached or used."""


class ConflictError(TfappError):
    """A change conflicts with one that somebody else made first."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Ends an error message about an unknown name.

    Args:
        name: What the user gave.
        choices: The names that exist.

    Returns:
        `; did you mean "x"?` when one of the choices is near, else the first of them.

    Example:
        >>> did_you_mean("epocs", ["epochs", "seed"])
        '; did you mean "epochs"?'
    """
    options = sorted(choices)
    matches = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    if matches:
        return f'; did you mean "{matches[0]}"?'
    names = ", ".join(options[:_SHOWN]) + (f" and {len(options) - _SHOWN} more" if len(options) > _SHOWN else "")
    return f"; known: {names}" if options else ""
