"""Explains why servers load versions that no label names although a model has a `stable`, and the way out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from tfapp.registry.label_store import CONFIG_FILE
from tfapp.registry.model_config import STABLE, ConfiguredModel, configured_models
from tfapp.registry.versions import versions

__all__ = ["promote_command", "unlabelled_remark", "unlabelled_warning", "unlabelled_warnings", "why_newest"]

# The command that promotes a version of the model; None: its folder is not where `tfapp models` looks.
_Command: TypeAlias = Callable[[int], str] | None

_DEFAULT_FOLDER: Final = Path("models")


def promote_command(name: str, version: int, models: Path | str, config: Path | str | None = None) -> str:
    """Returns the command that lets `stable` point at a version, as its user types it.

    Args:
        name: The model's name.
        version: The version.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
    """
    words = ["tfapp", "models", "promote", name, str(version)]
    words += [] if Path(models) == _DEFAULT_FOLDER else ["--models", str(models)]
    words += [] if config is None else ["--config", str(config)]
    return shlex.join(words)


def unlabelled_warnings(config: Path, available: Mapping[str, Collection[int]], models: Path | None) -> list[str]:
    """Returns a line for each model with a `stable` whose callers without a label get a version that no label names.

    Args:
        config: The model config file that a server has read.
        available: The versions that the server has loaded, by model.
        models: The folder of the models; None: the file says where each one is.

    Raises:
        SettingsError: The file cannot be read, or is malformed.
    """

    def warning(model: ConfiguredModel, base: Path) -> str:
        default = config.absolute() == (base.parent / CONFIG_FILE).absolute()

        def command(version: int) -> str:
            return promote_command(model.name, version, base.parent, None if default else config)

        on_disk, loaded_versions = versions(base.parent, base.name), available.get(model.name, ())
        return unlabelled_warning(
            model, loaded_versions, on_disk, config.name, command if base.name == model.name else None
        )

    lines = [
        warning(model, Path(base) if models is None else models / model.name)
        for model, base in configured_models(config)
    ]
    return [line for line in lines if line]


def unlabelled_warning(
    model: ConfiguredModel, loaded_versions: Collection[int], on_disk: Sequence[int], file: str, command: _Command
) -> str:
    """Returns the line for one model; empty where callers without a label get a version that a label names.

    Args:
        model: What the model config file says of it.
        loaded_versions: The versions that servers load.
        on_disk: All its versions.
        file: The file's name.
        command: Returns the command that promotes a version.
    """
    stable, newest = model.labels.get(STABLE), max(loaded_versions, default=None)
    if stable is None or newest is None or newest in model.labels.values():
        return ""
    which = " (the newest)" if newest == max(on_disk, default=None) else ""
    note = "" if stable in on_disk else ", which is not there"
    return (
        f"{model.name}: callers without a label get version {newest}{which}, though stable names version {stable}"
        f"{note}; {unlabelled_remark(model, loaded_versions, on_disk, file, command)}"
    )


def unlabelled_remark(
    model: ConfiguredModel, loaded_versions: Collection[int], on_disk: Sequence[int], file: str, command: _Command
) -> str:
    """Returns a remark on why versions without a label stay loaded, and the way out; empty: there is no need for one.

    What serves all versions is told whenever it does so, other policies while callers without a label get such a one.
    """
    with_label = set(model.labels.values())
    without_label = sorted(set(loaded_versions) - with_label)
    if STABLE not in model.labels or not without_label or (model.kind != "all" and max(loaded_versions) in with_label):
        return ""
    keep = sorted(with_label & set(on_disk)) or [max(loaded_versions)]
    policy = f"specific {{ {' '.join(f'versions: {version}' for version in keep)} }}"
    if model.kind == "all":
        return (
            f"{file} serves all versions of {model.name}: {', '.join(map(str, without_label))} stay loaded, though no "
            f"label names them; write {policy} there instead of all {{}} to serve what labels name alone"
        )
    if command is None:
        return f"{_cause(model, file)}; write model_version_policy {{ {policy} }} there to serve what labels name alone"
    version = model.labels[STABLE] if model.labels[STABLE] in on_disk else max(loaded_versions)
    return f"{_cause(model, file)}; `{command(version)}` has servers load what labels name alone"


def why_newest(model: ConfiguredModel, loaded_versions: Collection[int], on_disk: Sequence[int], file: str) -> str:
    """Returns why callers without a label get the newest version that is loaded; empty: it is `stable`.

    Args:
        model: What the model config file says of it.
        loaded_versions: The versions that servers load.
        on_disk: All its versions.
        file: The file's name.
    """
    newest, stable = max(loaded_versions, default=None), model.labels.get(STABLE)
    if newest is None or newest == stable:
        return ""
    if stable is None:
        return "the newest" if newest == on_disk[-1] else f"the newest that {file} names"
    names = sorted(label for label, version in model.labels.items() if version == newest)
    why = "it is newer than stable" if newest > stable else "stable is not loaded"
    if names:
        return f"{names[0]} is newer than stable" if newest > stable else why
    return f"{_cause(model, file)}, and {why}"


def _cause(model: ConfiguredModel, file: str) -> str:
    if not model.has_policy:
        return f"{file} has no model_version_policy for {model.name}"
    return {
        "all": f"{file} serves all versions",
        "latest": f"{file} serves the newest versions",
        "specific": f"{file} names it",
    }[model.kind]
