"""Checks the rule for version labels: they point at versions that take requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import grpc

from tfapp.server.loading.model_source import ServedModel
from tfapp.server.request_errors import RequestError

__all__ = ["check_labels"]


def check_labels(
    models: Iterable[ServedModel],
    served: Mapping[str, ServedModel],
    available: Callable[[str], Collection[int]],
    *,
    allow_unavailable: bool,
) -> None:
    """Checks the labels of a new configuration.

    Args:
        models: The new configuration.
        served: The one that it replaces.
        available: Returns the versions of a model that take requests.
        allow_unavailable: Whether a label that is new may point at a version that is not loaded yet. One that moves
            never may: its requests would fail until the version is there.

    Raises:
        RequestError: A label points at a version that does not take requests.
    """
    for model in models:
        before = served[model.name].labels if model.name in served else {}
        for label, version in model.labels.items():
            moves = before.get(label, version) != version
            if version not in available(model.name) and (moves or not allow_unavailable):
                raise RequestError(
                    grpc.StatusCode.FAILED_PRECONDITION,
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference",
                )
