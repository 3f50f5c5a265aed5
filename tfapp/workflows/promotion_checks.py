"""The checks before a promotion: the version loads and warms up, and its metrics are not worse by more than chance."""

from __future__ import annotations

from pathlib import Path

from tfapp.errors import RegistryError
from tfapp.registry import VersionMetadata
from tfapp.workflows.version_scores import compare_version_scores, differ_by_chance

__all__ = ["chance_difference_note", "check_loads", "compare_metrics"]


def check_loads(name: str, version: int, folder: Path, *, allow_unsafe_ops: bool = False) -> int:
    """Loads a version in this process and runs its warm-up requests, as a server does before it answers with it.

    `allow_unsafe_ops` lets it touch files, processes and the network. Returns the number of requests.

    Raises:
        RegistryError: It does not load, a request fails, or it has nothing to call.
    """
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    from tfapp.server.request_errors import load_error
    from tfapp.server.servables.servable import Servable
    from tfapp.server.servables.warmup import warm_up

    try:
        servable = Servable(name, version, folder, allow_unsafe_ops=allow_unsafe_ops)
        requests = warm_up(servable, folder)
    except Exception as error:
        reason = load_error(error).message
        raise RegistryError(f"{name} version {version} does not load and warm up: {reason}; export it anew") from error
    if not servable.signatures:
        raise RegistryError(f"{name} version {version} has no signature to call; export it anew")
    return requests


def chance_difference_note(candidate: VersionMetadata, current: VersionMetadata) -> str:
    """Returns in a sentence that a candidate of a worse score may be as good; empty where it is worse, or not told.

    Both must be of one task and have been tried on the same rows, by a score that is the share of right ones: then the
    exact test of McNemar tells, as `compare_scores` has it.
    """
    if candidate.task != current.task or not differ_by_chance(current, candidate):
        return ""
    return f"worse, perhaps by chance: {compare_version_scores(current, candidate)}"


def compare_metrics(candidate: VersionMetadata, current: VersionMetadata) -> str:
    """Returns why the metrics on record of a candidate are worse than the current version's; empty: they are not."""
    if candidate.task != current.task:
        return f"its task is {candidate.task or 'unknown'}, that of version {current.version} is {current.task}"
    if current.score is None:
        return ""
    name, value = current.score
    if candidate.score is None:
        return f"it has no metrics on record, version {current.version} has {name} {value:.4f}"
    if candidate.score[0] != name:
        return f"its metric is {candidate.score[0]}, that of version {current.version} is {name}"
    if candidate.score[1] > value if current.lower_is_better else candidate.score[1] < value:
        return f"its {name} is {candidate.score[1]:.4f}, that of version {current.version} is {value:.4f}"
    return ""
