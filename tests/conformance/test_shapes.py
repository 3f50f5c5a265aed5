"""A model that tfapp exported: its graph refuses the shapes at which its ops would end the process."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from tests.conformance.calls import refused
from tests.conformance.rest import ask
from tests.conformance.suite import TestedServer
from tests.toy_exports import CRASHES

_SIGNATURES = (("serving_default", "text"), ("classify", "inputs"))


def _texts(*shape: int) -> Any:
    return np.full(shape, b"", object)


@pytest.mark.parametrize(("signature", "shape"), list(product(_SIGNATURES, CRASHES)), ids=str)
def test_shapes_that_would_end_the_process_are_refused(
    main: TestedServer, signature: tuple[str, str], shape: tuple[int, ...]
) -> None:
    key, alias = signature
    with refused("INVALID_ARGUMENT"):
        main.calls.predict("exported", {alias: _texts(*shape)}, signature=key)
    assert len(main.calls.outputs("exported", {"text": ["a"]})["label"]) == 1


@pytest.mark.needs("rest")
@pytest.mark.parametrize(
    "body", [{"instances": [[]]}, {"inputs": "a"}, {"inputs": "a", "signature_name": "classify"}], ids=str
)
def test_they_are_refused_over_rest(main: TestedServer, body: Any) -> None:
    path = "/v1/models/exported:predict"
    reply = ask(main.rest_port, "POST", path, body)
    assert (reply.status, set(reply.json())) == (400, {"error"})
    assert ask(main.rest_port, "POST", path, {"instances": ["a"]}).status == 200


def test_no_rows_are_answered_with_none(main: TestedServer) -> None:
    answer = main.calls.outputs("exported", {"text": _texts(0)})
    assert answer == {"label": [], "score": [], "probabilities": [], "labels": []}
    assert main.calls.outputs("exported", {"inputs": _texts(0)}, signature="classify") == {"classes": [], "scores": []}
