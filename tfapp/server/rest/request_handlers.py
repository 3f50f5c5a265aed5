"""Answers the requests of each path, over the same models as gRPC."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from google.protobuf import json_format
from tensorflow_serving.apis import model_pb2
from tfapp_client import contract

from tfapp.server.listener import ListenerContext
from tfapp.server.request_context import RequestContext
from tfapp.server.request_errors import invalid_argument
from tfapp.server.rest import json_outputs
from tfapp.server.rest.json_examples import EXAMPLES, read_examples
from tfapp.server.rest.json_inputs import INPUTS, INSTANCES, read_columns, read_rows
from tfapp.server.rest.json_parser import check_lists, form_error, parse
from tfapp.server.rest.url_paths import METADATA, RequestTarget
from tfapp.server.servables import classify_regress
from tfapp.server.servables.predict import signature_map, write_spec
from tfapp.server.servables.servable import Servable

__all__ = ["handle_request", "model_status"]

_SIGNATURE: Final = "signature_name"


def handle_request(
    listener_context: ListenerContext, target: RequestTarget, body: bytes, context: RequestContext
) -> bytes:
    """Answers a request that needs a model, by its body in JSON; anything but the status.

    Raises:
        RequestError: It cannot be answered.
    """
    try:
        most_rows = listener_context.settings.max_request_rows
        check_lists(body, most_rows)
        document = {} if target.verb == METADATA else parse(body)
        _check_rows(document, most_rows)
        key = document.get(_SIGNATURE, "")
        if not isinstance(key, str):
            raise form_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
        key = key or contract.DEFAULT_SIGNATURE
        with listener_context.manager.use(target.model, target.version, target.label) as servable:
            return _HANDLERS[target.verb](listener_context, servable, key, document, context)
    except RecursionError as error:
        raise invalid_argument("JSON Parse error: it is nested too deeply") from error


def model_status(listener_context: ListenerContext, target: RequestTarget) -> bytes:
    """Returns the states of a model's versions, JSON; a label is ignored, as TensorFlow Serving does.

    Raises:
        RequestError: There is no model, or no version, like that.
    """
    states = [
        {
            "version": str(item.version),
            "state": item.state.name,
            "status": {"error_code": item.code.name, "error_message": item.message},
        }
        for item in listener_context.manager.states(target.model, target.version)
    ]
    return (json.dumps({"model_version_status": states}, indent=1) + "\n").encode()


def _predict(
    _listener_context: ListenerContext, servable: Servable, key: str, document: dict[str, Any], context: RequestContext
) -> bytes:
    signature = servable.signatures.get(key)
    if signature is None:
        raise invalid_argument(f'Serving signature name: "{key}" not found in signature def')
    definition = signature.definition
    has_rows = _check_form(document)
    if not definition.inputs:
        raise invalid_argument(f"Failed to get input map for signature: {key}")
    inputs = read_rows(document[INSTANCES], definition) if has_rows else read_columns(document[INPUTS], definition)
    # What was read is not needed any more, and may be large.
    document.clear()
    results = signature.run(inputs, sorted(definition.outputs), context)
    if not results:
        raise invalid_argument("Cannot convert empty tensor map to JSON")
    return json_outputs.write_rows(results) if has_rows else json_outputs.write_columns(results)


def _check_rows(document: dict[str, Any], most_rows: int) -> None:
    """Checks, before any of them is read, that a request has not too many rows."""
    inputs = document.get(INPUTS)
    columns = inputs.values() if isinstance(inputs, dict) else [inputs]
    for rows in (document.get(INSTANCES), document.get(EXAMPLES), *columns):
        if isinstance(rows, list) and len(rows) > most_rows:
            raise invalid_argument(
                f"the request has {len(rows)} rows; this server takes at most {most_rows} a request "
                "(--max_request_rows)"
            )


def _check_form(document: dict[str, Any]) -> bool:
    """Checks the form of a Predict request, and returns whether it is by rows."""
    if INSTANCES not in document:
        if INPUTS not in document:
            raise invalid_argument("Missing 'inputs' or 'instances' key")
        return False
    if INPUTS in document:
        raise form_error(
            document, "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        )
    rows = document[INSTANCES]
    if not isinstance(rows, list):
        raise form_error(document, "Excepting 'instances' to be an list/array")
    if not rows:
        raise form_error(document, "No values in 'instances' array")
    return True


def _classify(
    listener_context: ListenerContext, servable: Servable, key: str, document: dict[str, Any], context: RequestContext
) -> bytes:
    request = read_examples(document)
    results = classify_regress.run_classify(servable, key, request, context)
    listener_context.metrics.examples(servable.name, classify_regress.count(request))
    return json_outputs.write_classes(results.get(contract.CLASSES), results.get(contract.SCORES))


def _regress(
    listener_context: ListenerContext, servable: Servable, key: str, document: dict[str, Any], context: RequestContext
) -> bytes:
    request = read_examples(document)
    values = classify_regress.run_regress(servable, key, request, context)
    listener_context.metrics.examples(servable.name, classify_regress.count(request))
    return json_outputs.write_values(values)


def _metadata(
    _listener_context: ListenerContext,
    servable: Servable,
    _key: str,
    _document: dict[str, Any],
    _context: RequestContext,
) -> bytes:
    spec = model_pb2.ModelSpec()
    write_spec(spec, servable)
    parts = [_proto(spec), _proto(signature_map(servable))]
    return '{{\n"model_spec":{}\n,\n"metadata": {{"signature_def": {}\n}}\n}}\n'.format(*parts).encode()


def _proto(message: Any) -> str:
    return json_format.MessageToJson(
        message, indent=1, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


_HANDLERS: Final[dict[str, Callable[[ListenerContext, Servable, str, dict[str, Any], RequestContext], bytes]]] = {
    "predict": _predict,
    "classify": _classify,
    "regress": _regress,
    METADATA: _metadata,
}
