"""Settings of a server, named as TensorFlow Serving's flags and files where it has them."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["BatchingSettings", "MonitoringSettings", "ServerSettings", "TlsSettings"]


class BatchingSettings(BaseModel):
    """Settings of batching: how requests that wait at the same time are merged into one run of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_batch_size: int = Field(
        64,
        ge=1,
        description="Most rows of one run; a larger request is divided, its parts run side by side. More on a GPU.",
    )
    batch_timeout_micros: int = Field(
        0, ge=0, description="How long a batch that is not full waits for more; 0: it leaves when a thread is free."
    )
    num_batch_threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="Batches that run at the same time."
    )
    max_enqueued_batches: int = Field(
        1000, ge=1, description="Batches that may wait for one signature; more are refused as UNAVAILABLE."
    )
    thread_pool_name: str = Field("batch", description="The name of the threads.")
    allowed_batch_sizes: tuple[int, ...] = Field(
        (), description="A batch is filled up with copies of its first row to the next of these; none: no filling."
    )

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or any(left >= right for left, right in pairwise(sizes))):
            raise ValueError(f"allowed_batch_sizes must be positive and in increasing order, got {list(sizes)}")
        if sizes and sizes[-1] != self.max_batch_size:
            raise ValueError(
                f"the last of allowed_batch_sizes must equal max_batch_size; got {sizes[-1]} and {self.max_batch_size}"
            )
        return self


class MonitoringSettings(BaseModel):
    """Settings of the Prometheus page."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enable: bool = Field(False, description="Whether there is one.")
    path: str = Field("/monitoring/prometheus/metrics", pattern="^/", description="Its path on the REST port.")


class TlsSettings(BaseModel):
    """Settings of encryption on the gRPC port, and on REST where `rest_tls` is set; all texts are PEM."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server_key: str = Field(min_length=1, repr=False, description="The server's private key.")
    server_cert: str = Field(min_length=1, description="Its certificate chain, its own first.")
    custom_ca: str = Field("", description="The authorities that clients' certificates are checked against.")
    client_verify: bool = Field(False, description="Whether a client must show a certificate (mutual TLS).")

    @model_validator(mode="after")
    def _check_authority(self) -> Self:
        if self.client_verify and not self.custom_ca:
            raise ValueError(
                "client_verify needs custom_ca, the authority that clients' certificates come from; give it, or leave "
                "out client_verify"
            )
        return self


class ServerSettings(BaseModel):
    """Settings of a server: how it listens, polls and stops."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="The address to listen on; 0.0.0.0: all.")
    port: int = Field(8500, ge=0, le=65535, description="The gRPC port; 0: any free one.")
    rest_api_port: int | None = Field(
        None, ge=0, le=65535, description="The REST port; 0: any free one; None: no REST."
    )
    rest_api_timeout_in_ms: int = Field(30_000, ge=1, description="Longest time that a REST request may take.")
    rest_api_num_threads: int = Field(
        256, ge=1, description="REST requests that models are asked at the same time; more wait."
    )
    rest_api_header_timeout_seconds: float = Field(
        30.0, gt=0, description="Longest time of a REST request's header, from the connection on."
    )
    rest_api_body_timeout_seconds: float = Field(
        60.0, gt=0, description="Longest silence within a REST request's body, or of a caller who takes no answer."
    )
    rest_api_keep_alive_seconds: float = Field(
        75.0, gt=0, description="How long a REST connection may wait for its next request."
    )
    rest_api_max_header_bytes: int = Field(65_536, ge=1024, description="Largest header of a REST request.")
    rest_api_max_connections: int = Field(
        0, ge=0, description="Most open REST connections; 0: by the limit of open files (ulimit -n)."
    )
    rest_api_max_connections_per_address: int = Field(
        0, ge=0, description="Most open REST connections of one address; 0: three quarters of all."
    )
    rest_api_max_pending_bytes: int = Field(
        512 << 20,
        ge=0,
        description="Most bytes of all REST bodies, beyond 64 KiB each, also uncompressed; slow ones make room.",
    )
    rest_tls: bool = Field(
        False, description="Whether REST has the gRPC port's certificates, too; TensorFlow Serving cannot do that."
    )
    rest_api_enable_cors_support: bool = Field(
        False, description="Whether pages from elsewhere may call REST (cross-origin resource sharing)."
    )
    grpc_socket_path: Path | None = Field(None, description="A UNIX socket to listen on beside the port.")
    tls: TlsSettings | None = Field(None, description="None: plain text.")
    monitoring: MonitoringSettings = Field(MonitoringSettings(), description="The Prometheus page.")
    batching: BatchingSettings | None = Field(BatchingSettings(), description="None: each request runs alone.")
    grpc_max_threads: int = Field(
        256,
        ge=1,
        description="Requests in work or waiting at the same time; half as many more from callers with few.",
    )
    grpc_message_timeout_seconds: float = Field(
        300.0, gt=0, description="How long a request may take to arrive over gRPC, or its answer to be taken."
    )
    max_request_rows: int = Field(
        65_536,
        ge=1,
        description="Most rows of a request, those included that a tensor's last value is repeated for.",
    )
    max_pending_answer_bytes: int = Field(
        256 << 20,
        ge=1,
        description="Most bytes of answers that callers of a port have not read; beyond, old ones are cancelled.",
    )
    grpc_channel_arguments: dict[str, int | str] = Field(
        default_factory=dict, description="Options of gRPC, such as grpc.max_connection_age_ms."
    )
    enable_grpc_healthcheck_service: bool = Field(True, description="Whether grpc.health.v1 is served.")
    max_message_bytes: int = Field(256 << 20, ge=1, description="Largest request and answer.")
    file_system_poll_wait_seconds: float = Field(
        1.0, description="Time between two looks for new versions; 0: only at the start."
    )
    model_config_file_poll_wait_seconds: float = Field(
        0.0, description="Time between two readings of the model config file; 0: only at the start."
    )
    max_num_load_retries: int = Field(5, ge=0, description="Times that a version is tried again after it failed.")
    load_retry_interval_micros: int = Field(60_000_000, description="Time between two tries; negative: at once.")
    allow_version_labels_for_unavailable_models: bool = Field(
        False, description="Whether a new label may point at a version that is not loaded yet."
    )
    allow_reload: bool = Field(
        False, description="Whether callers may send a new configuration; with mutual TLS they may anyway."
    )
    allow_unsafe_ops: bool = Field(
        False, description="Whether models that touch files, processes or the network are loaded."
    )
    models_root: Path | None = Field(
        None, description="The folder below which they may name models; None: beside those served at the start."
    )
    drain_seconds: float = Field(10.0, ge=0, description="How long a server that stops works on what it has taken.")

    @model_validator(mode="after")
    def _check_rest_tls(self) -> Self:
        if self.rest_tls and (self.tls is None or self.rest_api_port is None):
            raise ValueError(
                "rest_tls needs a REST port (rest_api_port) and certificates (ssl_config_file); give both, or "
                "leave it out"
            )
        if self.tls and self.tls.client_verify and self.rest_api_port is not None and not self.rest_tls:
            raise ValueError(
                "client_verify asks gRPC callers for certificates, but REST would answer anybody in plain text; "
                "give --rest_tls, which asks REST callers for them, too, or leave out --rest_api_port"
            )
        return self
