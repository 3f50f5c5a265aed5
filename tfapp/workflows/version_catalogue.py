"""The catalogue of models' versions, their labels and history, and the comparison of two versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfapp import registry
from tfapp.config.task_settings import foreign_fields
from tfapp.errors import RegistryError
from tfapp.registry import STABLE, Change, ConfiguredModel, LabelStore, VersionMetadata, unlabelled_versions
from tfapp.tasks.experiments import task_settings
from tfapp.workflows.version_scores import compare_version_scores

if TYPE_CHECKING:
    from tfapp.server.safety.unsafe_op_check import UnsafeOp

__all__ = [
    "CallerVersions",
    "CatalogueEntry",
    "Difference",
    "caller_versions",
    "changed_entries",
    "compare",
    "describe",
    "history",
    "unsafe_ops",
]


@dataclass(frozen=True)
class CatalogueEntry:
    """A model in the catalogue, with its versions.

    Attributes:
        name: Its name.
        versions: Lowest first.
        labels: The version that each label points at.
        served: The versions that a server loads by the model config file.
        callers: Which of them callers get.
    """

    name: str
    versions: tuple[VersionMetadata, ...]
    labels: Mapping[str, int]
    served: tuple[int, ...]
    callers: CallerVersions

    def labels_of(self, version: int) -> list[str]:
        """Returns the labels that point at a version."""
        return sorted(label for label, number in self.labels.items() if number == version)

    @property
    def stable(self) -> VersionMetadata | None:
        """Returns the version that has the label `stable`; None: none has."""
        return next((metadata for metadata in self.versions if metadata.version == self.labels.get(STABLE)), None)

    @property
    def released(self) -> VersionMetadata:
        """Returns the version that callers should get: `stable`, else the newest that is served, else the newest."""
        candidates = [metadata for metadata in self.versions if metadata.version in self.served]
        return self.stable or (candidates or self.versions)[-1]


@dataclass(frozen=True)
class CallerVersions:
    """The versions that the callers of a model get, as soon as its servers follow the model config file.

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
        """Returns it as JSON has it."""
        return {"with_label": dict(self.with_label), "without_label": self.without_label}


@dataclass(frozen=True)
class Difference:
    """The difference between two versions; of each part [old, new] by name.

    Attributes:
        settings: Settings of the training, by dotted name.
        metrics: Metrics on record.
        data: The training data, its fingerprint and counts.
        labels_added: Labels that only the second one answers.
        labels_removed: Labels that only the first one answers.
        signatures: Inputs and outputs, with dtype and shape.
        size: Of all files, in bytes.
        comparison: Whether the main scores tell which version is better, in a sentence; empty where they are the same,
            or of different kinds.
    """

    settings: dict[str, list[Any]]
    metrics: dict[str, list[Any]]
    data: dict[str, list[Any]]
    labels_added: list[str]
    labels_removed: list[str]
    signatures: dict[str, list[Any]]
    size: tuple[int, int]
    comparison: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON has it."""
        return asdict(self)


def describe(
    models: str | Path = "models", names: tuple[str, ...] = (), config: str | Path | None = None
) -> list[CatalogueEntry]:
    """Returns the records of the models in a folder.

    Args:
        models: The models folder.
        names: The models; none: all.
        config: The model config file; None: `models.config` in the folder.

    Raises:
        RegistryError: There is no such folder or model.
    """
    store = LabelStore.open(models, config)
    entries = []
    for name in registry.require_models(models, names):
        model, numbers = store.model(name), registry.versions(store.models, name)
        versions = tuple(registry.read_version_metadata(store.models, name, version) for version in numbers)
        callers = _caller_versions(model, numbers, models, config)
        entries.append(CatalogueEntry(name, versions, model.labels, tuple(sorted(callers.loaded)), callers))
    return entries


def caller_versions(name: str, *, models: str | Path = "models", config: str | Path | None = None) -> CallerVersions:
    """Returns which versions callers of a model get, by the model config file (None: `models.config` in the folder).

    Raises:
        SettingsError: The file is malformed.
    """
    store = LabelStore.open(models, config)
    return _caller_versions(store.model(name), registry.versions(store.models, name), models, config)


def _caller_versions(
    model: ConfiguredModel, on_disk: Sequence[int], models: str | Path, config: str | Path | None
) -> CallerVersions:
    loaded_versions, file = model.served_versions(on_disk), Path(config or registry.CONFIG_FILE).name
    arguments = (model, loaded_versions, on_disk, file)

    def command(version: int) -> str:
        return unlabelled_versions.promote_command(model.name, version, models, config)

    return CallerVersions(
        with_label={
            label: version if version in loaded_versions else None for label, version in sorted(model.labels.items())
        },
        without_label=max(loaded_versions, default=None),
        why=unlabelled_versions.why_newest(*arguments),
        loaded=frozenset(loaded_versions),
        remark=unlabelled_versions.unlabelled_remark(*arguments, command),
        warning=unlabelled_versions.unlabelled_warning(*arguments, command),
    )


def history(
    name: str | None = None, *, models: str | Path = "models", config: str | Path | None = None
) -> list[Change]:
    """Returns the changes to labels and versions of one model, or of all, oldest first.

    Raises:
        RegistryError: The history is damaged.
    """
    changes = LabelStore.open(models, config).changes()
    return [change for change in changes if name in (None, change.model)]


def compare(name: str, first: int, second: int, *, models: str | Path = "models") -> Difference:
    """Compares two versions of a model by their metadata and their signatures.

    Raises:
        RegistryError: There is no such version, or its graph cannot be read.
    """
    old, new = (registry.read_version_metadata(models, name, version) for version in (first, second))
    return Difference(
        settings=changed_entries(_read_settings(old), _read_settings(new)),
        metrics=changed_entries(old.metrics, new.metrics),
        data=changed_entries(old.data, new.data),
        labels_added=[label for label in new.labels if label not in old.labels],
        labels_removed=[label for label in old.labels if label not in new.labels],
        signatures=changed_entries(_signatures(old.path), _signatures(new.path)),
        size=(old.size, new.size),
        comparison=compare_version_scores(old, new),
    )


def unsafe_ops(folder: Path) -> list[UnsafeOp]:
    """Returns the ops of a version, or of a model's newest one, that do more than compute, without loading it.

    Returns:
        Its ops that touch files, processes or the network, and what runs them; none: it only computes.

    Raises:
        RegistryError: There is no exported model, or it cannot be read.
    """
    if not (folder / "saved_model.pb").exists() and registry.versions(folder.parent, folder.name):
        folder = registry.version_folder(folder.parent, folder.name, registry.latest(folder.parent, folder.name))
    with _reading_graph(folder):
        from tfapp.server.servables.servable import read_unsafe_ops

        return read_unsafe_ops(folder)


@contextmanager
def _reading_graph(folder: Path) -> Iterator[None]:
    """Imports TensorFlow first, and translates the errors of a graph that cannot be read."""
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from google.protobuf.message import DecodeError

    try:
        yield
    except (OSError, DecodeError, ValueError) as error:
        raise RegistryError(
            f"{folder}: its saved_model.pb cannot be read: {error}; publish the version again"
        ) from error


def _read_settings(version: VersionMetadata) -> dict[str, Any]:
    """Returns the settings that a version's task reads; older versions have those of all tasks on record."""
    tasks = task_settings()
    task = tasks.get(version.task)
    foreign_names = tuple(foreign_fields(task, tasks.values())) if task else ()
    inner = tuple(f"{name}." for name in foreign_names)
    return {
        name: value
        for name, value in version.settings.items()
        if name not in foreign_names and not name.startswith(inner)
    }


def changed_entries(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Returns the entries that differ: [old, new] by name, None for one that is missing."""
    names = dict.fromkeys([*before, *after])
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}


def _signatures(folder: Path) -> dict[str, str]:
    """Returns inputs and outputs of a version as lines: "serving_default in text" to "string [?]"."""
    with _reading_graph(folder):
        from tfapp.server.servables.servable import read_definitions

        definitions = read_definitions(folder)
    return {
        f"{name} {direction} {alias}": _tensor(info)
        for name, definition in definitions.items()
        if not name.startswith("__")
        for direction, tensors in (("in", definition.inputs), ("out", definition.outputs))
        for alias, info in sorted(tensors.items())
    }


def _tensor(info: Any) -> str:
    import tensorflow as tf

    sizes = ", ".join("?" if dim.size < 0 else str(dim.size) for dim in info.tensor_shape.dim)
    shape = "any rank" if info.tensor_shape.unknown_rank else sizes
    return f"{tf.dtypes.as_dtype(info.dtype).name} [{shape}]"
