"""Implements `tfapp serve`, which serves models, by TensorFlow Serving's files and flags or a models folder alone."""

from __future__ import annotations

from functools import partial
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
    """A command that takes --enable_batching=true, as TensorFlow Serving does, beside --enable_batching."""

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


_models = partial(typer.Option, rich_help_panel="Which models")
_listen = partial(typer.Option, rich_help_panel="Where to listen")
_limits = partial(typer.Option, rich_help_panel="Limits and batches")
_loading = partial(typer.Option, rich_help_panel="Loading")


def serve(
    models: Annotated[
        Path | None, typer.Argument(help="A models folder: NAME/VERSION; labels are in its models.config.")
    ] = None,
    *,
    model: Annotated[
        list[str] | None, typer.Option(help="With a folder: serve only this model; may be repeated.")
    ] = None,
    model_config_file: Annotated[Path | None, _models(help="Instead of a folder: a ModelServerConfig.")] = None,
    model_config_file_poll_wait_seconds: Annotated[
        float, _models(help="Seconds between two readings of that file; 0: read it once.")
    ] = 0.0,
    model_base_path: Annotated[Path | None, _models(help="Instead of a folder: one model's own folder.")] = None,
    model_name: Annotated[str, _models(help="That model's name.")] = "default",
    allow_version_labels_for_unavailable_models: Annotated[
        bool, _models(help="Allow new labels on versions that are not loaded yet.")
    ] = False,
    allow_reload: Annotated[
        bool,
        _models(
            help="Let callers send a new configuration (HandleReloadConfigRequest); with mutual TLS they always may."
        ),
    ] = False,
    allow_unsafe_ops: Annotated[
        bool, _models(help="Also load models that touch files, processes or the network; see `tfapp models check`.")
    ] = False,
    models_root: Annotated[
        Path | None,
        _models(help="The folder below which callers may name models; by default beside those served at the start."),
    ] = None,
    port: Annotated[int, _listen(min=0, max=65535, help="The gRPC port; 0: any free one.")] = 8500,
    host: Annotated[str, _listen(help="The address to listen on; 0.0.0.0: all.")] = "127.0.0.1",
    rest_api_port: Annotated[int, _listen(min=0, max=65535, help="The REST port; 0: no REST.")] = 0,
    rest_tls: Annotated[
        bool,
        _listen(
            help="Serve REST by TLS, too, with the certificates of --ssl_config_file and its client_verify. "
            "TensorFlow Serving has no such flag: its REST port is always plain text."
        ),
    ] = False,
    rest_api_enable_cors_support: Annotated[bool, _listen(help="Let pages of other sites call REST.")] = False,
    grpc_socket_path: Annotated[Path | None, _listen(help="A UNIX socket to listen on, too.")] = None,
    ssl_config_file: Annotated[Path | None, _listen(help="An SSLConfig: TLS and mutual TLS.")] = None,
    monitoring_config_file: Annotated[
        Path | None, _listen(help="A MonitoringConfig: the Prometheus page, on the REST port.")
    ] = None,
    enable_grpc_healthcheck_service: Annotated[bool, _listen(help="Serve grpc.health.v1.")] = True,
    enable_batching: Annotated[bool, _limits(help="Merge requests that wait at the same time.")] = True,
    batching_parameters_file: Annotated[Path | None, _limits(help="BatchingParameters: sizes and times.")] = None,
    tensorflow_intra_op_parallelism: Annotated[
        int, _limits(min=0, help="Threads per operation; 1: best throughput, more: lower latency of a long text.")
    ] = 1,
    tensorflow_inter_op_parallelism: Annotated[
        int, _limits(min=0, help="Operations that run in parallel; 0: one per processor.")
    ] = 0,
    grpc_max_threads: Annotated[int, _limits(min=1, help="The most requests at the same time.")] = 256,
    max_request_rows: Annotated[int, _limits(min=1, help="The most rows of a request, else it is refused.")] = 65_536,
    max_pending_answer_bytes: Annotated[
        int,
        _limits(min=1, help="The most bytes of answers of a port that nobody reads; beyond, old ones are cancelled."),
    ] = 256 << 20,
    grpc_message_timeout_seconds: Annotated[
        float, _limits(help="Seconds that a message may take to arrive, or its answer to be read.")
    ] = 300.0,
    rest_api_num_threads: Annotated[int, _limits(min=1, help="The most REST requests at once; others wait.")] = 256,
    rest_api_timeout_in_ms: Annotated[int, _limits(min=1, help="Time limit of a REST request.")] = 30_000,
    rest_api_header_timeout_seconds: Annotated[
        float, _limits(help="Time limit of a REST request's header, from the connection on.")
    ] = 30.0,
    rest_api_body_timeout_seconds: Annotated[
        float, _limits(help="Time limit of a pause within a REST request's body.")
    ] = 60.0,
    rest_api_keep_alive_seconds: Annotated[
        float, _limits(help="How long a REST connection may wait for its next request.")
    ] = 75.0,
    rest_api_max_header_bytes: Annotated[int, _limits(min=1024, help="The largest header of a REST request.")] = 65_536,
    rest_api_max_connections: Annotated[int, _limits(min=0, help="The most REST connections; 0: by ulimit -n.")] = 0,
    rest_api_max_connections_per_address: Annotated[
        int, _limits(min=0, help="The most of one address; 0: three quarters of all.")
    ] = 0,
    rest_api_max_pending_bytes: Annotated[
        int, _limits(min=0, help="The most bytes of all REST bodies, beyond 64 KiB each; slow ones make room.")
    ] = 512 << 20,
    grpc_channel_arguments: Annotated[str, _limits(help="gRPC's arguments, as grpc.max_connection_age_ms=2000.")] = "",
    file_system_poll_wait_seconds: Annotated[
        float, _loading(help="Seconds between two polls for new versions; 0: poll once.")
    ] = 1.0,
    max_num_load_retries: Annotated[int, _loading(min=0, help="How often a failed load is retried.")] = 5,
    load_retry_interval_micros: Annotated[
        int, _loading(help="Time between two tries; negative: no pause.")
    ] = 60_000_000,
    drain_seconds: Annotated[float, _loading(min=0, help="Seconds that a stop waits for running calls.")] = 10.0,
) -> None:
    """Serves models over gRPC and REST as TensorFlow Serving does, until it is stopped."""
    flags = dict(locals())
    files = _files(batching_parameters_file if enable_batching else None, ssl_config_file, monitoring_config_file)
    if batching_parameters_file is not None and not enable_batching:
        raise SettingsError("--batching_parameters_file is of no use with --no-enable_batching; leave out one of them")
    choice = ServedChoice(models, tuple(model or ()), model_config_file, model_base_path, model_name)
    from tfapp.core.threads import set_compute_threads
    from tfapp.server import ServerSettings
    from tfapp.server.low_memory_import import import_tensorflow_low_memory
    from tfapp.server.settings_files import read_channel_arguments

    settings = {name: value for name, value in flags.items() if name in ServerSettings.model_fields}
    settings |= {"rest_api_port": rest_api_port or None} | ({} if enable_batching else {"batching": None}) | files
    settings["grpc_channel_arguments"] = read_channel_arguments(grpc_channel_arguments)
    server_settings = ServerSettings.model_validate(settings)
    import_tensorflow_low_memory()
    set_compute_threads(tensorflow_intra_op_parallelism, tensorflow_inter_op_parallelism)
    serve_until_stopped(lambda: choice.server(server_settings), choice.warnings)


def _files(batching: Path | None, tls: Path | None, monitoring: Path | None) -> dict[str, Any]:
    from tfapp.server.settings_files import read_batching, read_monitoring, read_tls

    readers = (
        ("batching", batching, read_batching),
        ("tls", tls, read_tls),
        ("monitoring", monitoring, read_monitoring),
    )
    return {name: reader(file) for name, file, reader in readers if file is not None}
