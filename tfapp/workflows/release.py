"""Versions as an operator thinks of them: promote, roll back, prune.

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
from tfapp.errors import PromotionRefusedError, RegistryError, did_you_mean
from tfapp.registry import Change, Ledger
from tfapp.workflows.deploy import Servers
from tfapp.workflows.label_moves import let_go, move_label, settle_unsettled

__all__ = ["Pruned", "Servers", "check_candidate", "promote", "prune", "rollback", "unlabel"]

# Loads and tries a version before it is promoted: its model's name, its number, its folder.
Check: TypeAlias = Callable[[str, int, Path], Any]

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Pruned:
    """What a prune removed, or would remove.

    Attributes:
        versions: Lowest first.
        size: In bytes.
    """

    versions: tuple[int, ...]
    size: int


def check_candidate(name: str, version: int, folder: Path, *, allow_unsafe_ops: bool = False) -> int:
    """Loads a version in this process and runs its warm-up requests, as a server does before it answers with it.

    Args:
        name: The model's name.
        version: Its number.
        folder: Its folder.
        allow_unsafe_ops: Whether it may touch files, processes and the network, as its server allows.

    Returns:
        The number of warm-up requests.

    Raises:
        RegistryError: It does not load, a request fails, or it has nothing to call.
    """
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from tfapp.server.servable import Servable
    from tfapp.server.status import load_error
    from tfapp.server.warmup import warm_up

    try:
        servable = Servable(name, version, folder, allow_unsafe_ops=allow_unsafe_ops)
        requests = warm_up(servable, folder)
    except Exception as error:
        reason = load_error(error).message
        raise RegistryError(f"{name} version {version} does not load and warm up: {reason}; export it anew") from error
    if not servable.signatures:
        raise RegistryError(f"{name} version {version} has no signature to call; export it anew")
    return requests


def promote(
    name: str,
    version: int,
    *,
    label: str = "stable",
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
    force: bool = False,
    check: Check = check_candidate,
) -> Change:
    """Lets a label point at a version, after the version has been tried.

    Args:
        name: The model's name.
        version: The version.
        label: The label.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        servers: Have these load the version first, and wait until they answer by the label.
        force: Promote it although its metrics on record are worse than those of the version that has the label.
        check: Loads and tries the version.

    Returns:
        The change.

    Raises:
        PromotionRefusedError: It is worse, or does not load or warm up. Where the model has a `stable` and no version
            policy, servers load what labels name nevertheless.
        RegistryError: There is no such version, or a server does not take it.
    """
    ledger = _ledger(name, models, config)
    _check_label(label)
    folder = registry.version_folder(ledger.models, name, version)
    before = ledger.model(name).labels.get(label)
    worse = _why_worse(ledger, name, version, before)
    try:
        if worse and not force:
            _refuse(name, version, label, before, worse)
        check(name, version, folder)
    except RegistryError as refusal:
        settled, hindrance = settle_unsettled(ledger, name, version, check, servers)
        raise PromotionRefusedError(f"{refusal}{hindrance}", settled=settled) from refusal
    note = f"forced: {worse}" if worse else ""
    return move_label(ledger, name, label, version, "promote", before=before, note=note, servers=servers)


def rollback(
    name: str,
    *,
    label: str = "stable",
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
) -> Change:
    """Lets a label point at the version where it was before; done again, at the one before that.

    Args:
        name: The model's name.
        label: The label.
        models: The models folder.
        config: The model config file; None: `models.config` in the folder.
        servers: Wait until these answer by the label.

    Returns:
        The change.

    Raises:
        RegistryError: There is no such label, or no earlier version of it on disk.
    """
    ledger = _ledger(name, models, config)
    before = _labelled(ledger, name, label)
    version = ledger.previous(name, label)
    if version is None:
        raise RegistryError(
            f"{name}: label {label} has no earlier version on disk to go back to; `tfapp models history {name}` shows "
            "where it was, `tfapp models promote` moves it anywhere"
        )
    return move_label(ledger, name, label, version, "rollback", before=before, servers=servers)


def unlabel(
    name: str,
    label: str,
    *,
    models: str | Path = "models",
    config: str | Path | None = None,
    servers: Servers | None = None,
) -> Change:
    """Takes a label away, such as that of a canary that is over.

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
    ledger = _ledger(name, models, config)
    before = _labelled(ledger, name, label)
    if servers is None:
        return ledger.point(name, label, None, "unlabel", expected=before)
    servers.check()
    change = ledger.point(name, label, None, "unlabel", expected=before, settle=False)
    let_go(ledger, change, servers)
    return change


def prune(
    name: str,
    *,
    keep: int = 3,
    models: str | Path = "models",
    config: str | Path | None = None,
    dry_run: bool = False,
) -> Pruned:
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
    ledger = _ledger(name, models, config)
    sizes = {v: registry.read_facts(ledger.models, name, v).size for v in registry.prunable(ledger, name, keep)}
    gone = list(sizes) if dry_run else registry.prune(ledger, name, keep)
    return Pruned(tuple(gone), sum(sizes.get(version, 0) for version in gone))


def _ledger(name: str, models: str | Path, config: str | Path | None) -> Ledger:
    registry.require_models(models, (name,))
    return Ledger.open(models, config)


def _refuse(name: str, version: int, label: str, current: int | None, worse: str) -> NoReturn:
    raise RegistryError(
        f"{name} version {version} is not promoted to {label}: {worse}; see `tfapp models diff {name} {current} "
        f"{version}`, or give --force"
    )


def _why_worse(ledger: Ledger, name: str, version: int, current: int | None) -> str:
    if current in (None, version) or current not in registry.versions(ledger.models, name):
        return ""
    facts = registry.read_facts
    return registry.why_worse(facts(ledger.models, name, version), facts(ledger.models, name, current))


def _labelled(ledger: Ledger, name: str, label: str) -> int:
    labels = ledger.model(name).labels
    if label not in labels:
        known = did_you_mean(label, labels) or "; it has none"
        raise RegistryError(f"{ledger.config}: model {name} has no label {label}{known}")
    return labels[label]


def _check_label(label: str) -> None:
    if not _LABEL.fullmatch(label):
        raise RegistryError(f"label {label!r}: must be letters, digits, dots, dashes and underscores, such as stable")
