"""Releases versions: promotes, rolls back, takes labels away, prunes.

    tfapp.promote("news", 2, label="stable")
    tfapp.rollback("news")
    tfapp.prune("news", keep=3)

A label is a name for a version, such as "stable". It is kept in the model config file, which `tfapp serve` and
TensorFlow Serving read, and callers ask for it instead of a number. Once a model has the label `stable`, servers load
the versions that labels name and no others, so that callers without a label get `stable`, or a newer canary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias

from tfapp import registry
from tfapp.errors import RegistryError, ReleaseRefusedError, did_you_mean
from tfapp.registry import Change, LabelStore
from tfapp.workflows.deploy import Servers
from tfapp.workflows.label_moves import move_label, settle_labels, unload_unlabelled_versions
from tfapp.workflows.promotion_checks import chance_difference_note, check_loads, compare_metrics

__all__ = ["PruneResult", "promote", "prune", "rollback", "unlabel"]

# Loads and tries a version before it is promoted: its model's name, its number, its folder.
Check: TypeAlias = Callable[[str, int, Path], Any]

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class PruneResult:
    """The versions that a prune removed, or would remove.

    Attributes:
        versions: Lowest first.
        size: In bytes.
    """

    versions: tuple[int, ...]
    size: int


def promote(
    name: str,
    version: int,
    *,
    label: str = "stable",
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
    force: bool = False,
    check: Check = check_loads,
) -> Change:
    """Points a label at a version, after the version has been tried.

    Args:
        name: The model's name.
        version: The version.
        label: The label.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        servers: Have these load the version first, and wait until they answer by the label.
        force: Promote it although its metrics on record are worse than those of the version that has the label. Where
            both were tried on the same texts, one that may be worse by chance alone needs no force; the change's `note`
            says so.
        check: Loads and tries the version.

    Returns:
        The change.

    Raises:
        ReleaseRefusedError: It is worse, does not load or warm up, or is not there. Where the model has a `stable`, and
            nobody chose its version policy, servers load what labels name nevertheless.
        RegistryError: There is no such model, or a server does not take the version.
    """
    store = _open_store(name, models, config)
    if not _LABEL.fullmatch(label):
        raise RegistryError(f"label {label!r}: must be letters, digits, dots, dashes and underscores, such as stable")
    before = store.model(name).labels.get(label)
    try:
        folder = registry.version_folder(store.models, name, version)
        reason, chance = _why_not_better(store, name, version, before)
        if reason and not chance and not force:
            _refuse(name, version, label, before, reason)
        check(name, version, folder)
    except RegistryError as refusal:
        _settle_and_refuse(store, name, version, refusal, check=check, servers=servers)
    note = chance or (f"forced: {reason}" if reason else "")
    return move_label(store, name, label, version, "promote", before=before, note=note, servers=servers)


def rollback(
    name: str,
    *,
    label: str = "stable",
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
    check: Check = check_loads,
) -> Change:
    """Points a label at the version where it was before; done again, at the one before that.

    Args:
        name: The model's name.
        label: The label.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        servers: Wait until these answer by the label.
        check: Loads and tries the version that is `stable`, where servers load what labels name for the first time.

    Returns:
        The change.

    Raises:
        ReleaseRefusedError: There is no earlier version of it on disk. Where the model has a `stable`, and nobody chose
            its version policy, servers load what labels name nevertheless.
        RegistryError: There is no such label, or a server does not take the version.
    """
    store = _open_store(name, models, config)
    before = _version_of_label(store, name, label)
    version = store.previous_version(name, label)
    if version is None:
        refusal = RegistryError(
            f"{name}: label {label} has no earlier version on disk to go back to; `tfapp models history {name}` shows "
            "where it was, `tfapp models promote` moves it anywhere"
        )
        _settle_and_refuse(store, name, None, refusal, check=check, servers=servers)
    return move_label(store, name, label, version, "rollback", before=before, servers=servers)


def unlabel(
    name: str,
    label: str,
    *,
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
) -> Change:
    """Removes a label, such as that of a canary that is over.

    Args:
        name: The model's name.
        label: The label.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        servers: Wait until these have let the version go, where no other label names it.

    Returns:
        The change.

    Raises:
        RegistryError: There is no such label.
    """
    store = _open_store(name, models, config)
    before = _version_of_label(store, name, label)
    if servers is None:
        return store.set_label(name, label, None, "unlabel", expected=before)
    servers.check()
    change = store.set_label(name, label, None, "unlabel", expected=before, unload_unlabelled=False)
    unload_unlabelled_versions(store, change, servers)
    return change


def prune(
    name: str,
    *,
    keep: int = 3,
    models: str | Path = "models",
    config: str | Path | None = None,
    dry_run: bool = False,
) -> PruneResult:
    """Removes old versions, but none that is labelled, next in a rollback, or the newest that is served.

    Args:
        name: The model's name.
        keep: How many of the newest stay.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        dry_run: Only say what would be removed.

    Returns:
        What was removed.

    Raises:
        RegistryError: There is no such model, or a folder cannot be removed.
    """
    store = _open_store(name, models, config)
    sizes = {
        v: registry.read_version_metadata(store.models, name, v).size for v in registry.prunable(store, name, keep)
    }
    versions = list(sizes) if dry_run else registry.prune(store, name, keep)
    return PruneResult(tuple(versions), sum(sizes.get(version, 0) for version in versions))


def _open_store(name: str, models: str | Path, config: str | Path | None) -> LabelStore:
    registry.require_models(models, (name,))
    return LabelStore.open(models, config)


def _refuse(name: str, version: int, label: str, current: int | None, reason: str) -> NoReturn:
    raise RegistryError(
        f"{name} version {version} is not promoted to {label}: {reason}; see `tfapp models diff {name} {current} "
        f"{version}`, or give --force"
    )


def _settle_and_refuse(
    store: LabelStore,
    name: str,
    version: int | None,
    refusal: RegistryError,
    *,
    check: Check,
    servers: Servers | None,
) -> NoReturn:
    is_settled, hindrance = settle_labels(store, name, version, check, servers)
    raise ReleaseRefusedError(f"{refusal}{hindrance}", settled=is_settled) from refusal


def _why_not_better(store: LabelStore, name: str, version: int, current: int | None) -> tuple[str, str]:
    """Returns why a version is worse than the current one, and that this may be chance; empty where it is not so."""
    if current in (None, version) or current not in registry.versions(store.models, name):
        return "", ""
    new, old = (registry.read_version_metadata(store.models, name, number) for number in (version, current))
    reason = compare_metrics(new, old)
    return reason, chance_difference_note(new, old) if reason else ""


def _version_of_label(store: LabelStore, name: str, label: str) -> int:
    labels = store.model(name).labels
    if label not in labels:
        hint = did_you_mean(label, labels) or "; it has none"
        raise RegistryError(f"{store.config}: model {name} has no label {label}{hint}")
    return labels[label]
