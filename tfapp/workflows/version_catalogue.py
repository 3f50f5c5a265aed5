"""What there is of a model: its versions and labels, its history, and how two of its versions differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp import registry
from tfapp.errors import RegistryError
from tfapp.registry import STABLE, Change, ConfiguredModel, Ledger, VersionFacts

if TYPE_CHECKING:
    from tfapp.server.model_check import UnsafeOp

__all__ = ["Callers", "Difference", "ModelFacts", "callers", "compare", "describe", "history", "unsafe_ops"]


@dataclass(frozen=True)
class ModelFacts:
    """A model and its versions.

    Attributes:
        name: Its name.
        versions: Lowest first.
        labels: The version that each label points at.
        served: The versions that a server loads by the model config file.
        callers: Which of them callers get.
    """

    name: str
    versions: tuple[VersionFacts, ...]
    labels: Mapping[str, int]
    served: tuple[int, ...]
    callers: Callers

    def labels_of(self, version: int) -> list[str]:
        """The labels that point at a version."""
        return sorted(label for label, labelled in self.labels.items() if labelled == version)

    @property
    def stable(self) -> VersionFacts | None:
        """The version that has the label `stable`; None: none has."""
        return next((facts for facts in self.versions if facts.version == self.labels.get(STABLE)), None)

    @property
    def released(self) -> VersionFacts:
        """The version that callers should get: `stable`, or else the newest that is served, or the newest of all."""
        served = [facts for facts in self.versions if facts.version in self.served]
        return self.stable or (served or self.versions)[-1]


@dataclass(frozen=True)
class Callers:
    """Which version the callers of a model get, as soon as its servers follow the model config file.

    Attributes:
        with_label: The version of each label; None: it is not loaded, so nothing answers.
        without_label: The version for those who name neither label nor version; None: nothing is loaded.
        why: Why these get that version, where it is not `stable`.
        loaded: The versions that servers load.
        remark: What keeps versions loaded that no label names, although there is a `stable`; empty: nothing does.
        warning: That callers without a label get such a version, and the remark, as one line; empty: they do not.
    """

    with_label: Mapping[str, int | None]
    without_label: int | None
    why: str
    loaded: frozenset[int]
    remark: str = ""
    warning: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"with_label": dict(self.with_label), "without_label": self.without_label}


@dataclass(frozen=True)
class Difference:
    """How two versions differ; of each part [old, new] by name.

    Attributes:
        settings: Settings of the training, by dotted name.
        metrics: Metrics on record.
        data: The training data, its fingerprint and counts.
        labels_added: Labels that only the second one answers.
        labels_removed: Labels that only the first one answers.
        signatures: Inputs and outputs, with dtype and shape.
        size: Of all files, in bytes.
    """

    settings: dict[str, list[Any]]
    metrics: dict[str, list[Any]]
    data: dict[str, list[Any]]
    labels_added: list[str]
    labels_removed: list[str]
    signatures: dict[str, list[Any]]
    size: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


def describe(
    models: str | Path = "models", names: tuple[str, ...] = (), config: str | Path | None = None
) -> list[ModelFacts]:
    """Tells what is on record of the models in a folder.

    Args:
        models: The models folder.
        names: The models; none: all.
        config: The model config file; None: `models.config` in the folder.

    Raises:
        RegistryError: There is no such folder or model.
    """
    ledger = Ledger.open(models, config)
    found = registry.require_models(models, names)
    return [_facts(ledger.model(name), ledger.models, models, config) for name in found]


def callers(name: str, *, models: str | Path = "models", config: str | Path | None = None) -> Callers:
    """Tells which version callers get, by the model config file.

    Args:
        name: The model.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.

    Raises:
        SettingsError: The file is malformed.
    """
    ledger = Ledger.open(models, config)
    return _callers(ledger.model(name), registry.versions(ledger.models, name), models, config)


def _callers(model: ConfiguredModel, on_disk: Sequence[int], models: str | Path, config: str | Path | None) -> Callers:
    loaded, file = model.served(on_disk), Path(config or registry.CONFIG_FILE).name
    where = (model, loaded, on_disk, file)

    def command(version: int) -> str:
        return registry.promote_command(model.name, version, models, config)

    return Callers(
        with_label={label: version if version in loaded else None for label, version in sorted(model.labels.items())},
        without_label=max(loaded, default=None),
        why=registry.why_newest(*where),
        loaded=frozenset(loaded),
        remark=registry.unlabelled_remark(*where, command),
        warning=registry.unlabelled_warning(*where, command),
    )


def history(
    name: str | None = None, *, models: str | Path = "models", config: str | Path | None = None
) -> list[Change]:
    """Lists what was done to labels and versions, oldest change first.

    Args:
        name: One model's changes; None: all.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.

    Raises:
        RegistryError: The history is damaged.
    """
    changes = Ledger.open(models, config).changes()
    return [change for change in changes if name in (None, change.model)]


def compare(name: str, first: int, second: int, *, models: str | Path = "models") -> Difference:
    """Tells how two versions of a model differ, by what is on record of them and by their signatures.

    Args:
        name: The model's name.
        first: The old version.
        second: The new one.
        models: The models folder.

    Raises:
        RegistryError: There is no such version, or its graph cannot be read.
    """
    old, new = (registry.read_facts(models, name, version) for version in (first, second))
    return Difference(
        settings=registry.changed(old.settings, new.settings),
        metrics=registry.changed(old.metrics, new.metrics),
        data=registry.changed(old.data, new.data),
        labels_added=[label for label in new.labels if label not in old.labels],
        labels_removed=[label for label in old.labels if label not in new.labels],
        signatures=registry.changed(_signatures(old.path), _signatures(new.path)),
        size=(old.size, new.size),
    )


def _facts(model: ConfiguredModel, folder: Path, models: str | Path, config: str | Path | None) -> ModelFacts:
    numbers = registry.versions(folder, model.name)
    found = tuple(registry.read_facts(folder, model.name, version) for version in numbers)
    callers = _callers(model, numbers, models, config)
    return ModelFacts(model.name, found, model.labels, tuple(sorted(callers.loaded)), callers)


def unsafe_ops(folder: Path) -> list[UnsafeOp]:
    """Tells what an exported model would do beside computing, without loading it.

    Args:
        folder: A version, or a model's folder, of which the newest version is taken.

    Returns:
        Its ops that touch files, processes or the network, and what runs them; none: it only computes.

    Raises:
        RegistryError: There is no exported model, or it cannot be read.
    """
    if not (folder / "saved_model.pb").exists() and registry.versions(folder.parent, folder.name):
        folder = registry.version_folder(folder.parent, folder.name, registry.latest(folder.parent, folder.name))
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from google.protobuf.message import DecodeError

    from tfapp.server.servable import read_unsafe_ops

    try:
        return read_unsafe_ops(folder)
    except (OSError, DecodeError, ValueError) as error:
        raise RegistryError(f"{folder}: its saved_model.pb cannot be read: {error}") from error


def _signatures(folder: Path) -> dict[str, str]:
    """Inputs and outputs of a version as lines: "serving_default in text" to "string [?]"."""
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from google.protobuf.message import DecodeError

    from tfapp.server.servable import read_definitions

    try:
        definitions = read_definitions(folder)
    except (OSError, DecodeError, ValueError) as error:
        raise RegistryError(f"{folder}: its saved_model.pb cannot be read: {error}") from error
    return {
        f"{name} {side} {alias}": _tensor(info)
        for name, definition in definitions.items()
        if not name.startswith("__")
        for side, tensors in (("in", definition.inputs), ("out", definition.outputs))
        for alias, info in sorted(tensors.items())
    }


def _tensor(info: Any) -> str:
    import tensorflow as tf

    sizes = ", ".join("?" if dim.size < 0 else str(dim.size) for dim in info.tensor_shape.dim)
    shape = "any rank" if info.tensor_shape.unknown_rank else sizes
    return f"{tf.dtypes.as_dtype(info.dtype).name} [{shape}]"
