"""Parses the paths of the REST interface (tensorflow_serving/model_servers/http_rest_api_util.cc)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from tfapp.server.request_errors import invalid_argument

__all__ = ["METADATA", "STATUS", "RequestTarget", "is_ours", "parse_path"]

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
class RequestTarget:
    """The model and version that a request is about, and its verb.

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
        """Returns whether it asks about a model, not the model itself."""
        return self.verb in (METADATA, STATUS)


def is_ours(path: str) -> bool:
    """Returns whether a path is one of the interface at all."""
    return path[:4].lower() == "/v1/"


def parse_path(method: str, path: str) -> RequestTarget:
    """Parses the path of a GET or POST as it was sent, percent-encoded, without query; a character a byte.

    Raises:
        RequestError: It asks for nothing that there is.
    """
    pattern = _PATHS.get(method)
    match = pattern.fullmatch(path) if pattern else None
    if match is None:
        raise invalid_argument(f"Malformed request: {method} {path}")
    if not match["model"]:
        raise invalid_argument("Missing model name in request.")
    version = None if match["version"] is None else _number(match["version"])
    label = None if match["label"] is None else _decode_name(match["label"])
    return RequestTarget(_decode_name(match["model"]), version, label, (match["verb"] or STATUS).lower())


def _number(digits: str) -> int:
    if len(digits) > 4000 or int(digits) > _LARGEST:
        raise invalid_argument(f"Failed to convert version: {digits} to numeric.")
    return int(digits)


def _decode_name(name: str) -> str:
    return unquote_to_bytes(name.encode("latin-1", "replace")).decode("utf-8", "replace")
