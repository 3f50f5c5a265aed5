"""Moves labels in the model config file and on running servers, in the order in which no request is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tfapp import registry
from tfapp.errors import RegistryError, SettingsError
from tfapp.registry import STABLE, Change, LabelStore
from tfapp.workflows.deploy import Servers

__all__ = ["move_label", "settle_labels", "unload_unlabelled_versions"]


def move_label(
    store: LabelStore,
    name: str,
    label: str,
    version: int,
    action: str,
    *,
    before: int | None,
    note: str = "",
    servers: Servers | None,
) -> Change:
    """Moves a label from where it points (None: nowhere), once servers have loaded the version.

    They refuse a label on one that they do not have. What no label names is let go last, when they answer by the label.

    Args:
        store: The labels.
        name: The model's name.
        label: The label.
        version: Where it is to point.
        action: What the history calls it.
        before: Where it points now; None: nowhere.
        note: Why, for the history.
        servers: Have these follow; None: they read the file by themselves.

    Raises:
        RegistryError: The label has been moved, the file cannot be changed, or a server does not take it.
        SettingsError: Certificates or token of the servers cannot be used.
    """
    if servers is None:
        return store.set_label(name, label, version, action, expected=before, note=note)
    servers.check()
    # Where the file has the label there already, some servers may have refused it.
    servers_after = servers if before != version else servers.without_label(name, label, version)
    if servers_after.addresses:
        before = _stage(store, name, label, version, before=before, servers=servers_after)
    change = store.set_label(name, label, version, action, expected=before, note=note, unload_unlabelled=False)
    servers.send(store.config)
    servers.wait_for_label(name, label, version, store.config)
    unload_unlabelled_versions(store, change, servers)
    return change


def _stage(
    store: LabelStore, name: str, label: str, version: int, *, before: int | None, servers: Servers
) -> int | None:
    """Adds a version to those that servers load; returns where the label points meanwhile."""
    stage = store.stage_version(name, label, version, expected=before)
    try:
        servers.send(store.config)
        servers.wait_for_version(name, version, store.config)
    except RegistryError:
        why = "the servers did not come to have it"
        with suppress(RegistryError):
            if stage.label_version != before:
                # The label was there already: servers that are away are no reason to lose it.
                now = stage.label_version
                store.set_label(name, label, before, "promote", expected=now, note=why, unload_unlabelled=False)
            elif stage.after != stage.before:
                store.unstage_version(name, stage, why)
            servers.send(store.config)
        raise
    return stage.label_version


def unload_unlabelled_versions(store: LabelStore, change: Change, servers: Servers) -> None:
    """Unloads from servers the versions that no label names after a change, and waits until that is done."""
    versions = store.unload_unlabelled(change.model, change)
    servers.send(store.config)
    servers.wait_for_unload(change.model, versions, store.config)


def settle_labels(
    store: LabelStore,
    name: str,
    refused_version: int | None,
    check: Callable[[str, int, Path], Any],
    servers: Servers | None,
) -> tuple[bool, str]:
    """Makes servers load the labelled versions, if a model has a `stable` and nobody chose its policy; moves no label.

    The version that is `stable` is tried first by `check`, as servers would let the newest go for its sake.

    Args:
        store: The labels.
        name: The model's name.
        refused_version: The version that was not promoted; None: there was none to go back to.
        check: Loads and tries a version.
        servers: Have these follow; None: they read the file by themselves.

    Returns:
        Whether servers do so since; what to add to the refusal where they ought to and do not.
    """
    stable = store.unsettled_stable(name)
    if stable is None or stable == refused_version:
        return False, ""
    note = "no version to go back to" if refused_version is None else f"version {refused_version} was not promoted"
    try:
        check(name, stable, registry.version_folder(store.models, name, stable))
        try:
            move_label(store, name, STABLE, stable, "settle", before=stable, note=note, servers=servers)
        except RegistryError:
            store.unload_unlabelled(name)
            raise
    except (RegistryError, SettingsError) as error:
        return False, f"; what servers load is not settled, either: {error}"
    return True, ""
