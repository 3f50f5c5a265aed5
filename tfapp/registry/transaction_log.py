"""Writes the model config file and its history in one transaction, which survives the end of the process."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from tfapp.core.files import replacing, sweep_drafts_of, write_json
from tfapp.core.locks import process_lock
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry import history
from tfapp.registry.history import EDIT, Change
from tfapp.registry.model_config import configured_model, configured_names
from tfapp.registry.model_config_edit import NEW_FILE

__all__ = ["StagedVersion", "TransactionLog"]

_LOCK_SECONDS: Final = 30.0


class StagedVersion(NamedTuple):
    """A version that servers are to load before a label moves to it.

    Attributes:
        version: The version.
        label_version: The version that the label points at meanwhile; None: nowhere.
        before: The file's text before.
        after: The file's text since.
    """

    version: int
    label_version: int | None
    before: str
    after: str


@dataclass(frozen=True)
class TransactionLog:
    """The transactions on a model config file and its history.

    A change is noted in a file of its own before the config is written, and moves to the history after: whoever comes
    next finds the note of a process that was killed between the two, and sees by the config whether it was done.

    Attributes:
        config: The model config file; it need not be there yet.
    """

    config: Path

    def text(self) -> str:
        """Returns the file's text; where there is none, that of a new one.

        Raises:
            SettingsError: It cannot be read.
        """
        try:
            return self.config.read_text(encoding="utf-8")
        except FileNotFoundError:
            return NEW_FILE
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{self.config}: cannot be read: {error}") from error

    def changes(self) -> list[Change]:
        """Returns all known changes, oldest first.

        Raises:
            RegistryError: The history, or the note of a change, is damaged.
        """
        changes = history.read(self._history)
        return changes + self._unrecorded_changes(changes)

    @contextmanager
    def locked(self) -> Iterator[list[Change]]:
        """Holds the lock during the block; yields the changes so far, to which those made by hand are added first.

        Raises:
            RegistryError: Somebody else holds it for long, or a file cannot be written.
        """
        try:
            self.config.parent.mkdir(parents=True, exist_ok=True)
            with process_lock(self._sibling("lock"), timeout=_LOCK_SECONDS):
                # Whoever writes these files holds the lock: their drafts are those of processes that were killed.
                sweep_drafts_of(self.config, self._history, self._pending_file)
                yield self._finish_pending()
        except BlockingIOError as error:
            raise RegistryError(f"{self.config}: {error} has been changing it for a while; try again") from error
        except OSError as error:
            raise RegistryError(f"{self.config}: cannot be changed: {error.strerror or error}") from error

    def commit(self, text: str, change: Change) -> None:
        """Writes the file, unless its text stays, and the history; to be called under the lock."""
        write_json(self._pending_file, {"sha256": _digest(text), "change": change.to_dict()}, shared=True)
        if text != self.text():
            with replacing(self.config, shared=True) as draft:
                draft.write_text(text, encoding="utf-8")
                if self.config.exists():
                    shutil.copymode(self.config, draft)
        history.append(self._history, [change])
        self._pending_file.unlink()

    def _finish_pending(self) -> list[Change]:
        changes = history.read(self._history)
        new_changes = self._unrecorded_changes(changes)
        new_changes += _edits(self.text(), self.config, [*changes, *new_changes])
        if new_changes:
            history.append(self._history, new_changes)
        self._pending_file.unlink(missing_ok=True)
        return [*changes, *new_changes]

    def _unrecorded_changes(self, changes: list[Change]) -> list[Change]:
        """Returns the change of a process that was killed between the file and the history."""
        try:
            note = json.loads(self._pending_file.read_text(encoding="utf-8"))
            change, digest = Change.from_dict(note["change"]), str(note["sha256"])
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RegistryError(f"{self._pending_file}: cannot be read: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"{self._pending_file}: is no note of a change, though tfapp alone writes it; remove it: "
                f"{self.config.name} is whole without it"
            ) from error
        return [change] if digest == _digest(self.text()) and change not in changes[-1:] else []

    @property
    def _history(self) -> Path:
        return self.config.with_name(f"{self.config.name}.history.jsonl")

    @property
    def _pending_file(self) -> Path:
        return self._sibling("pending")

    def _sibling(self, suffix: str) -> Path:
        return self.config.with_name(f".{self.config.name}.{suffix}")


def _edits(text: str, path: Path, changes: list[Change]) -> list[Change]:
    """Returns the changes that somebody made to labels by hand since the last known change."""
    edits = []
    for name in configured_names(text, path):
        before, after = history.labels_after(changes, name), configured_model(text, name, path).labels
        for label in sorted({*before, *after}):
            old, new = before.get(label), after.get(label)
            if old != new:
                edits.append(Change(name, EDIT, label, old, new, note="found in the file", who=""))
    return edits


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
