"""`tfapp serve`: serves models, by TensorFlow Serving's files and flags or a models folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tfapp.cli._served_choice import ServedChoice
from tfapp.cli._serving import serve_until_stopped
from tfapp.errors import SettingsError

__all__ = ["register"]

_TRUE, _FALSE = ("true", "1"), ("false", "0")


class _Flags(TyperCommand):
    """Takes --enable_batching=true, as TensorFlow Serving does, beside --enable_batching."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [self._plain(argument) for argument in args])

    def _plain(self, argument: str) -> str:
        name, equals, value = argument.partition("=")
        if not equals or value.lower() not in (*_TRUE, *_FALSE):
            return argument
        name = name.replace("_", "-")
        flag = next((p for p in self.params if getattr(p, "is_flag", False) and name in p.opts), None)
        if flag is None:
            return argument
        return name if value.lower() in _TRUE else f"--no-{name.removeprefix('--')}"


def register(app: typer.Typer) -> None:
    """Adds the command; --model_config_file and --model-config-file are the same option."""
    spellings = {"token_normalize_func": lambda name: name.replace("_", "-")}
    app.command("serve", cls=_Flags, context_settings=spellings)(serve)


_MODELS = "Which models"
_LISTEN = "Where to listen"
_LIMITS = "Limits and batches"
_LOADING = "Loading"


def serve(
    models: Annotated[
        Path | None, typer.Argument(help="A models folder: NAME/VERSION; labels are in its models.config.")
    ] = None,
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="With a folder: serve this one only; may be given again.")
    ] = None,
    model_config_file: Annotated[
        Path | None, typer.Option(help="Instead of a folder: a ModelServerConfig.", rich_help_panel=_MODELS)
    ] = None,
    model_config_file_poll_wait_seconds: Annotated[
        float, typer.Option(help="Time between two readings of that file; 0: once.", rich_help_panel=_MODELS)
    ] = 0.0,
    model_base_path: Annotated[
        Path | None, typer.Option(help="Instead of a folder: one model's own folder.", rich_help_panel=_MODELS)
    ] = None,
    model_name: Annotated[str, typer.Option(help="That model's name.", rich_help_panel=_MODELS)] = "default",
    allow_version_labels_for_unavailable_models: Annotated[
        bool, typer.Option(help="New labels may point at versions not loaded yet.", rich_help_panel=_MODELS)
    ] = False,
    allow_reload: Annotated[
        bool,
        typer.Option(
            help="Let callers send a new configuration (HandleReloadConfigRequest); with mutual TLS they may anyway.",
            rich_help_panel=_MODELS,
        ),
    ] = False,
    allow_unsafe_ops: Annotated[
        bool,
        typer.Option(
            help="Load models that touch files, processes or the network, too; see `tfapp models check`.",
            rich_help_panel=_MODELS,
        ),
    ] = False,
    models_root: Annotated[
        Path | None,
        typer.Option(
            help="The folder below which they may name models; by default beside those served at the start.",
            rich_help_panel=_MODELS,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The gRPC port; 0: any free one.", rich_help_panel=_LISTEN)
    ] = 8500,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0: all.", rich_help_panel=_LISTEN)
    ] = "127.0.0.1",
    rest_api_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The REST port; 0: no REST.", rich_help_panel=_LISTEN)
    ] = 0,
    rest_tls: Annotated[
        bool,
        typer.Option(
            help="Serve REST by TLS, too, with the certificates of --ssl_config_file and its client_verify. "
            "TensorFlow Serving has no such flag: its REST port is always plain text.",
            rich_help_panel=_LISTEN,
        ),
    ] = False,
    rest_api_enable_cors_support: Annotated[
        bool, typer.Option(help="Let pages from elsewhere call REST.", rich_help_panel=_LISTEN)
    ] = False,
    grpc_socket_path: Annotated[
        Path | None, typer.Option(help="A UNIX socket to listen on, too.", rich_help_panel=_LISTEN)
    ] = None,
    ssl_config_file: Annotated[
        Path | None, typer.Option(help="An SSLConfig: TLS and mutual TLS.", rich_help_panel=_LISTEN)
    ] = None,
    monitoring_config_file: Annotated[
        Path | None,
        typer.Option(help="A MonitoringConfig: the Prometheus page, on the REST port.", rich_help_panel=_LISTEN),
    ] = None,
    enable_grpc_healthcheck_service: Annotated[
        bool, typer.Option(help="Serve grpc.health.v1.", rich_help_panel=_LISTEN)
    ] = True,
    enable_batching: Annotated[
        bool, typer.Option(help="Merge requests that wait at the same time.", rich_help_panel=_LIMITS)
    ] = True,
    batching_parameters_file: Annotated[
        Path | None, typer.Option(help="BatchingParameters: sizes and times.", rich_help_panel=_LIMITS)
    ] = None,
    tensorflow_intra_op_parallelism: Annotated[
        int,
        typer.Option(
            min=0,
            help="Threads of one run; 1 answers most texts, more a lone long one sooner.",
            rich_help_panel=_LIMITS,
        ),
    ] = 1,
    tensorflow_inter_op_parallelism: Annotated[
        int, typer.Option(min=0, help="Operations of a run side by side; 0: by processors.", rich_help_panel=_LIMITS)
    ] = 0,
    grpc_max_threads: Annotated[
        int, typer.Option(min=1, help="Most requests at the same time.", rich_help_panel=_LIMITS)
    ] = 256,
    max_request_rows: Annotated[
        int, typer.Option(min=1, help="Most rows of a request; more are refused.", rich_help_panel=_LIMITS)
    ] = 65_536,
    grpc_message_timeout_seconds: Annotated[
        float,
        typer.Option(help="How long a message may take to arrive, or its answer to be taken.", rich_help_panel=_LIMITS),
    ] = 300.0,
    rest_api_num_threads: Annotated[
        int, typer.Option(min=1, help="Most REST requests at work; more wait.", rich_help_panel=_LIMITS)
    ] = 256,
    rest_api_timeout_in_ms: Annotated[
        int, typer.Option(min=1, help="Longest time of a REST request.", rich_help_panel=_LIMITS)
    ] = 30_000,
    rest_api_header_timeout_seconds: Annotated[
        float,
        typer.Option(help="Longest time of a REST request's header, from the connection on.", rich_help_panel=_LIMITS),
    ] = 30.0,
    rest_api_body_timeout_seconds: Annotated[
        float, typer.Option(help="Longest silence within a REST request's body.", rich_help_panel=_LIMITS)
    ] = 60.0,
    rest_api_keep_alive_seconds: Annotated[
        float,
        typer.Option(help="How long a REST connection may wait for its next request.", rich_help_panel=_LIMITS),
    ] = 75.0,
    rest_api_max_header_bytes: Annotated[
        int, typer.Option(min=1024, help="Largest header of a REST request.", rich_help_panel=_LIMITS)
    ] = 65_536,
    rest_api_max_connections: Annotated[
        int,
        typer.Option(min=0, help="Most open REST connections; 0: by ulimit -n.", rich_help_panel=_LIMITS),
    ] = 0,
    rest_api_max_connections_per_address: Annotated[
        int, typer.Option(min=0, help="Most of one address; 0: three quarters of all.", rich_help_panel=_LIMITS)
    ] = 0,
    rest_api_max_pending_bytes: Annotated[
        int,
        typer.Option(min=0, help="Most bytes of all REST bodies in work, beyond 64 KiB each.", rich_help_panel=_LIMITS),
    ] = 512 << 20,
    grpc_channel_arguments: Annotated[
        str, typer.Option(help="gRPC's own, such as grpc.max_connection_age_ms=2000.", rich_help_panel=_LIMITS)
    ] = "",
    file_system_poll_wait_seconds: Annotated[
        float, typer.Option(help="Time between two looks for new versions; 0: once.", rich_help_panel=_LOADING)
    ] = 1.0,
    max_num_load_retries: Annotated[
        int, typer.Option(min=0, help="Times that a failed load is tried again.", rich_help_panel=_LOADING)
    ] = 5,
    load_retry_interval_micros: Annotated[
        int, typer.Option(help="Time between two tries; negative: at once.", rich_help_panel=_LOADING)
    ] = 60_000_000,
    drain_seconds: Annotated[
        float, typer.Option(min=0, help="How long a stop waits for calls it has taken.", rich_help_panel=_LOADING)
    ] = 10.0,
) -> None:
    """Serves models over gRPC and REST as TensorFlow Serving does, until it is stopped."""
    files = _files(batching_parameters_file if enable_batching else None, ssl_config_file, monitoring_config_file)
    if batching_parameters_file is not None and not enable_batching:
        raise SettingsError("--batching_parameters_file is of no use with --no-enable_batching; leave out one of them")
    settings = {
        "host": host,
        "port": port,
        "rest_api_port": rest_api_port or None,
        "rest_api_enable_cors_support": rest_api_enable_cors_support,
        "rest_api_num_threads": rest_api_num_threads,
        "rest_tls": rest_tls,
        "rest_api_header_timeout_seconds": rest_api_header_timeout_seconds,
        "rest_api_body_timeout_seconds": rest_api_body_timeout_seconds,
        "rest_api_keep_alive_seconds": rest_api_keep_alive_seconds,
        "rest_api_max_header_bytes": rest_api_max_header_bytes,
        "rest_api_max_connections": rest_api_max_connections,
        "rest_api_max_connections_per_address": rest_api_max_connections_per_address,
        "rest_api_max_pending_bytes": rest_api_max_pending_bytes,
        "rest_api_timeout_in_ms": rest_api_timeout_in_ms,
        "grpc_socket_path": grpc_socket_path,
        "enable_grpc_healthcheck_service": enable_grpc_healthcheck_service,
        "grpc_max_threads": grpc_max_threads,
        "grpc_message_timeout_seconds": grpc_message_timeout_seconds,
        "max_request_rows": max_request_rows,
        "grpc_channel_arguments": _channel_arguments(grpc_channel_arguments),
        "model_config_file_poll_wait_seconds": model_config_file_poll_wait_seconds,
        "file_system_poll_wait_seconds": file_system_poll_wait_seconds,
        "max_num_load_retries": max_num_load_retries,
        "load_retry_interval_micros": load_retry_interval_micros,
        "allow_version_labels_for_unavailable_models": allow_version_labels_for_unavailable_models,
        "allow_reload": allow_reload,
        "allow_unsafe_ops": allow_unsafe_ops,
        "models_root": models_root,
        "drain_seconds": drain_seconds,
        **({} if enable_batching else {"batching": None}),
        **files,
    }
    chosen = ServedChoice(models, tuple(model or ()), model_config_file, model_base_path, model_name)
    from tfapp.core.threads import set_compute_threads
    from tfapp.server import ServerSettings
    from tfapp.server.low_memory_import import import_tensorflow_low_memory

    checked = ServerSettings.model_validate(settings)
    import_tensorflow_low_memory()
    set_compute_threads(tensorflow_intra_op_parallelism, tensorflow_inter_op_parallelism)
    serve_until_stopped(lambda: chosen.server(checked), chosen.warnings)


def _files(batching: Path | None, tls: Path | None, monitoring: Path | None) -> dict[str, Any]:
    from tfapp.server.settings_files import read_batching, read_monitoring, read_tls

    readers = (
        ("batching", batching, read_batching),
        ("tls", tls, read_tls),
        ("monitoring", monitoring, read_monitoring),
    )
    return {name: read(file) for name, file, read in readers if file is not None}


def _channel_arguments(text: str) -> dict[str, int | str]:
    from tfapp.server.settings_files import read_channel_arguments

    return read_channel_arguments(text)
