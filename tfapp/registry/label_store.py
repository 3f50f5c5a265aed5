"""Stores the labels of models in the model config file, with the versions that servers load for their sake."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from tfapp_client.former_names import FormerNames

from tfapp.errors import RegistryError
from tfapp.registry import history
from tfapp.registry.history import EDIT, Change
from tfapp.registry.model_config import STABLE, ConfiguredModel, configured_model
from tfapp.registry.model_config_edit import NEW_FILE, edit_model
from tfapp.registry.transaction_log import StagedVersion, TransactionLog
from tfapp.registry.version_lists import highest, list_by_labels, list_with
from tfapp.registry.versions import version_folder, versions

__all__ = ["CONFIG_FILE", "LabelStore"]

CONFIG_FILE: Final = "models.config"


@dataclass(frozen=True)
class LabelStore(FormerNames):
    """A store of the labels of the models in a folder.

    Attributes:
        models: The models folder.
        config: The model config file; it need not be there yet.
    """

    former_names: ClassVar[Mapping[str, str]] = {
        "drop": "pruning",
        "point": "set_label",
        "previous": "previous_version",
        "protected": "protected_versions",
        "served": "served_versions",
        "stage": "stage_version",
    }

    models: Path
    config: Path

    @classmethod
    def open(cls, models: Path | str, config: Path | str | None = None) -> LabelStore:
        """Opens the labels of a models folder.

        Args:
            models: The models folder.
            config: The model config file; None: `models.config` in the folder.
        """
        # A link stays a link: what it points at is what changes. Of a link to itself, reading says what is wrong.
        file = os.path.realpath(config or Path(models) / CONFIG_FILE)
        return cls(Path(models).absolute(), Path(file))

    def model(self, name: str) -> ConfiguredModel:
        """Returns the file's current entry of a model.

        Raises:
            SettingsError: The file cannot be read.
        """
        return configured_model(self._log.text(), name, self.config)

    def served_versions(self, name: str) -> set[int]:
        """Returns the versions on disk that a server loads by the file."""
        return self.model(name).served_versions(versions(self.models, name))

    def unsettled_stable(self, name: str) -> int | None:
        """Returns the `stable` version if no user chose the policy: it is the default, or an earlier tfapp's.

        Without a policy they load the newest version. Up to 0.1, `tfapp models` listed the newest one, too.

        Returns:
            None: somebody chose the policy, there is no `stable`, or nothing on disk of that version.
        """
        model, on_disk = self.model(name), versions(self.models, name)
        stable = model.labels.get(STABLE)
        if stable not in on_disk or (model.has_policy and not self._listed_by_us(model, on_disk)):
            return None
        return stable

    def _listed_by_us(self, model: ConfiguredModel, on_disk: Sequence[int]) -> bool:
        """Returns whether the newest version served has no label, in a list that a promote or a rollback wrote."""
        changes = [change for change in self.changes() if change.model == model.name and change.action != EDIT]
        # After a "load" the list holds a version that is about to get its label.
        has_moved = any(change.label == STABLE for change in changes) and changes[-1].action != "load"
        extra = highest(model.served_versions(on_disk)) - set(model.labels.values())
        return model.kind == "specific" and has_moved and bool(extra)

    def changes(self) -> list[Change]:
        """Returns all known changes, oldest first.

        Raises:
            RegistryError: The history is damaged.
        """
        return self._log.changes()

    def set_label(
        self,
        name: str,
        label: str,
        version: int | None,
        action: str,
        *,
        expected: int | None,
        note: str = "",
        unload_unlabelled: bool = True,
    ) -> Change:
        """Points a label at a version, and changes which versions servers load for it.

        While a model has no label `stable`, servers also load what callers without a label have had so far.

        Args:
            name: The model's name.
            label: The label.
            version: The version; None: the label is taken away.
            action: What the history calls it.
            expected: Where the label points now, as far as the caller knows; None: nowhere.
            note: Why, for the history.
            unload_unlabelled: Whether servers unload what no label names; False: the method of that name does it later,
                when servers have moved the label.

        Returns:
            The change; one that changes nothing is not in the history.

        Raises:
            RegistryError: There is no such version, the label has been moved, or the file cannot be changed.
            SettingsError: The file is malformed.
        """
        with self._log.locked():
            text, model = self._log.text(), self.model(name)
            _check_unmoved(model, label, expected)
            if version is not None:
                version_folder(self.models, name, version)
            labels = {key: value for key, value in model.labels.items() if key != label}
            labels |= {} if version is None else {label: version}
            change = Change(name, action, label, model.labels.get(label), version, note=note)
            on_disk = versions(self.models, name)
            numbers = (
                list_by_labels(model, on_disk, labels, change)
                if unload_unlabelled
                else list_with(model, on_disk, labels.values())
            )
            if numbers is not None or labels != model.labels:
                self._commit(text, model, labels, numbers, change)
        return change

    def stage_version(self, name: str, label: str, version: int, *, expected: int | None) -> StagedVersion:
        """Adds a version to those that servers load, so that the label can move to it once it is loaded.

        Where the label points at it already, it goes back to where it was: a server refuses a file with a label on a
        version that it has not loaded.

        Raises:
            RegistryError: There is no such version, the label has been moved, or the file cannot be changed.
        """
        with self._log.locked() as changes:
            text, model = self._log.text(), self.model(name)
            _check_unmoved(model, label, expected)
            version_folder(self.models, name, version)
            labels = dict(model.labels)
            if labels.get(label) == version:
                earlier_version = self._previous(name, label, changes)
                del labels[label]
                labels |= {} if earlier_version is None else {label: earlier_version}
            numbers = list_with(model, versions(self.models, name), {*labels.values(), version})
            before, after = model.labels.get(label), labels.get(label)
            if numbers is not None or before != after:
                change = Change(name, "load", versions=tuple(numbers or ()), note=f"to load {version}")
                if before != after:
                    change = replace(change, action="rollback", label=label, before=before, after=after)
                self._commit(text, model, labels, numbers, change)
            # A file must list models: where there was none, it goes back to an entry that says nothing of versions.
            text = self._edit(text, model, {}, None) if text == NEW_FILE else text
            return StagedVersion(version, after, text, self._log.text())

    def unstage_version(self, name: str, stage: StagedVersion, note: str) -> None:
        """Writes the file as it was before a version was staged; where it has changed since, drops the version alone.

        Raises:
            RegistryError: The file cannot be changed.
        """
        with self._log.locked():
            if self._log.text() == stage.after:
                self._log.commit(stage.before, Change(name, "unload", versions=(stage.version,), note=note))
            elif stage.version not in self.model(name).labels.values():
                self._drop(name, [stage.version], "unload", note)

    def unload_unlabelled(self, name: str, last_move: Change | None = None) -> list[int]:
        """Removes the versions that no label names from those that servers load; without a `stable`, served ones stay.

        Args:
            name: The model's name.
            last_move: What was done to a label just before.

        Returns:
            The versions that they load no longer, lowest first.

        Raises:
            RegistryError: The file cannot be changed.
        """
        with self._log.locked():
            text, model, on_disk = self._log.text(), self.model(name), versions(self.models, name)
            numbers = list_by_labels(model, on_disk, model.labels, last_move)
            to_unload = [] if numbers is None else sorted(model.served_versions(on_disk) - set(numbers))
            if to_unload:
                change = Change(name, "unload", versions=tuple(to_unload), note="no label names it")
                self._commit(text, model, model.labels, numbers, change)
        return to_unload

    @contextmanager
    def pruning(self, name: str, to_remove: Collection[int]) -> Iterator[list[int]]:
        """Takes versions out of the file, and keeps labels from pointing at them during the block.

        Args:
            name: The model's name.
            to_remove: The versions to remove.

        Yields:
            Those that no label holds by now.
        """
        with self._log.locked():
            removable = sorted(set(to_remove) - self.protected_versions(name))
            if removable:
                self._drop(name, removable, "prune", "")
            yield removable

    def previous_version(self, name: str, label: str) -> int | None:
        """Returns the version on disk that a label would go back to; None: there is none."""
        return self._previous(name, label, self.changes())

    def protected_versions(self, name: str) -> set[int]:
        """Returns the versions that must stay: labelled, next in a rollback, the newest of all and of those served."""
        model, changes, on_disk = self.model(name), self.changes(), versions(self.models, name)
        back = {self._previous(name, label, changes) for label in model.labels}
        required_versions = {
            *model.labels.values(),
            *on_disk[-1:],
            *highest(model.served_versions(on_disk)),
            *(v for v in back if v is not None),
        }
        return required_versions & set(on_disk)

    def _drop(self, name: str, to_drop: Collection[int], action: str, note: str) -> None:
        text, model = self._log.text(), self.model(name)
        listed_versions = set(model.policy.specific.versions)
        is_listed = model.kind == "specific" and listed_versions & set(to_drop)
        numbers = sorted(listed_versions - set(to_drop)) if is_listed else None
        change = Change(name, action, versions=tuple(sorted(to_drop)), note=note)
        self._commit(text, model, model.labels, numbers, change)

    def _previous(self, name: str, label: str, changes: list[Change]) -> int | None:
        on_disk = set(versions(self.models, name))
        return next((version for version in history.earlier(changes, name, label) if version in on_disk), None)

    def _commit(
        self, text: str, model: ConfiguredModel, labels: Mapping[str, int], numbers: list[int] | None, change: Change
    ) -> None:
        new = text if numbers is None and labels == model.labels else self._edit(text, model, labels, numbers)
        self._log.commit(new, change)

    def _edit(self, text: str, model: ConfiguredModel, labels: Mapping[str, int], numbers: list[int] | None) -> str:
        return edit_model(text, model.name, self.models / model.name, versions=numbers, labels=labels, path=self.config)

    @property
    def _log(self) -> TransactionLog:
        return TransactionLog(self.config)


def _check_unmoved(model: ConfiguredModel, label: str, expected: int | None) -> None:
    current = model.labels.get(label)
    if current != expected:
        raise RegistryError(
            f"{model.name}: label {label} has been moved to version {current} meanwhile (it was at {expected}); "
            "look at it with `tfapp models history`, then try again"
        )
