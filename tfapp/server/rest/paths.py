"""What a path asks for (tensorflow_serving/model_servers/http_rest_api_util.cc)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from tfapp.server.status import invalid_argument

__all__ = ["METADATA", "STATUS", "Target", "is_ours", "parse_path"]

METADATA: Final = "metadata"
STATUS: Final = "status"
_CHOICE: Final = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
# The paths may be in any case, but not the verbs.
_PATHS: Final = {
    "POST": re.compile(rf"(?i:/v1/models/)(?P<model>[^/:]+)(?i:{_CHOICE}):(?P<verb>predict|classify|regress)"),
    "GET": re.compile(rf"(?i:/v1/models)(?:/(?P<model>[^/:]+))?(?i:{_CHOICE})(?:/(?P<verb>(?i:metadata)))?"),
}
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True)
class Target:
    """What a request is about.

    Attributes:
        model: The model's name.
        version: One version; None: what `label` says, or the highest.
        label: A version label.
        verb: "predict", "classify", "regress", "metadata" or "status".
    """

    model: str
    version: int | None = None
    label: str | None = None
    verb: str = STATUS

    @property
    def about(self) -> bool:
        """Whether it asks about a model, not the model itself."""
        return self.verb in (METADATA, STATUS)


def is_ours(path: str) -> bool:
    """Whether a path is one of the interface at all."""
    return path[:4].lower() == "/v1/"


def parse_path(method: str, path: str) -> Target:
    """Reads a path.

    Args:
        method: "GET" or "POST".
        path: The path as it was sent, percent-encoded, without query; a character a byte.

    Returns:
        What it asks for.

    Raises:
        RequestError: It asks for nothing that there is.
    """
    pattern = _PATHS.get(method)
    found = pattern.fullmatch(path) if pattern else None
    if found is None:
        raise invalid_argument(f"Malformed request: {method} {path}")
    if not found["model"]:
        raise invalid_argument("Missing model name in request.")
    version = None if found["version"] is None else _number(found["version"])
    label = None if found["label"] is None else _decoded(found["label"])
    return Target(_decoded(found["model"]), version, label, (found["verb"] or STATUS).lower())


def _number(digits: str) -> int:
    if len(digits) > 4000 or int(digits) > _LARGEST:
        raise invalid_argument(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _decoded(name: str) -> str:
    return unquote_to_bytes(name.encode("latin-1", "replace")).decode("utf-8", "replace")
