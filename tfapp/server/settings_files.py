"""Reads the settings files for batching, monitoring and TLS that TensorFlow Serving has beside the model config."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from tfapp_client.message_pool import MessagePool

from tfapp.core.text_protos import read_text_proto
from tfapp.errors import SettingsError
from tfapp.server.settings import BatchingSettings, MonitoringSettings, TlsSettings

__all__ = ["MESSAGES", "read_batching", "read_channel_arguments", "read_monitoring", "read_tls"]

T = TypeVar("T")

MESSAGES: Final = MessagePool(
    "tfapp_server", resources.files(__package__).joinpath("protos", "server_config.binpb").read_bytes()
)

# What a batching file that does not say otherwise means to TensorFlow Serving
# (tensorflow/core/kernels/batching_util/shared_batch_scheduler.h).
_BATCHING_DEFAULTS: Final = {"max_batch_size": 1000, "batch_timeout_micros": 0, "max_enqueued_batches": 10}


def read_batching(path: Path | str) -> BatchingSettings:
    """Reads a batching parameters file, a BatchingParameters in text format.

    Raises:
        SettingsError: The file cannot be read, is malformed, or breaks a rule.
    """
    message = read_text_proto(path, MESSAGES.message_class("BatchingParameters")())
    if message.pad_variable_length_inputs:
        raise SettingsError(
            f"{path}: pad_variable_length_inputs is not supported: padding would change the answers for token ids; "
            "leave it out (texts, shape [N], need no padding)"
        )
    fields = {field.name: value.value for field, value in message.ListFields() if field.message_type is not None}
    # A large request is always split, so that no file needs to say so.
    fields.pop("enable_large_batch_splitting", None)
    fields["max_batch_size"] = fields.pop("max_execution_batch_size", None) or fields.get("max_batch_size")
    values = {name: value for name, value in fields.items() if value is not None}
    sizes = {"allowed_batch_sizes": tuple(message.allowed_batch_sizes)}
    return _validate(path, BatchingSettings.model_validate, {**_BATCHING_DEFAULTS, **values, **sizes})


def read_monitoring(path: Path | str) -> MonitoringSettings:
    """Reads a monitoring config file, a MonitoringConfig in text format.

    Raises:
        SettingsError: The file cannot be read, is malformed, or breaks a rule.
    """
    config = read_text_proto(path, MESSAGES.message_class("MonitoringConfig")()).prometheus_config
    values = {"enable": config.enable, **({"path": config.path} if config.path else {})}
    return _validate(path, MonitoringSettings.model_validate, values)


def read_tls(path: Path | str) -> TlsSettings:
    """Reads an SSL config file, an SSLConfig in text format with PEM texts in it.

    Raises:
        SettingsError: The file cannot be read, is malformed, or breaks a rule.
    """
    message = read_text_proto(path, MESSAGES.message_class("SSLConfig")())
    return _validate(path, TlsSettings.model_validate, {field.name: value for field, value in message.ListFields()})


def read_channel_arguments(text: str) -> dict[str, int | str]:
    """Parses the value of --grpc_channel_arguments: "grpc.max_connection_age_ms=2000,NAME=VALUE".

    Raises:
        SettingsError: An argument has no "=" or no name.
    """
    arguments: dict[str, int | str] = {}
    for item in filter(None, text.split(",")):
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise SettingsError(
                f"--grpc_channel_arguments: {item!r}: expected NAME=VALUE, such as grpc.max_connection_age_ms=2000"
            )
        arguments[name] = int(value) if value.removeprefix("-").isdecimal() else value
    return arguments


def _validate(path: Path | str, build: Callable[[dict[str, Any]], T], values: dict[str, Any]) -> T:
    try:
        return build(values)
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        rule = problem["msg"].removeprefix("Value error, ").removeprefix("Input ")
        value_note = f", got {values[name]!r:.60}" if name in values and "key" not in name else ""
        raise SettingsError(f"{path}: {name}{' ' if name else ''}{rule}{value_note}") from error
