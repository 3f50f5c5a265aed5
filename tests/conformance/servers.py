"""Starts the servers of the suite, each with its models. A server costs seconds, so few serve all tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
import trustme

from tests.conformance.calls import ModelConfig, model_config
from tests.conformance.models import gate_log
from tests.conformance.suite import Suite, TestedServer

__all__ = [
    "BATCH_ROWS",
    "REST_SECONDS",
    "THREADS",
    "WARM_UP_CALLS",
    "BatchingServer",
    "batching_server",
    "changing_server",
    "client_credentials",
    "main_server",
    "recorded_models",
    "tls_server",
]

# The most requests at the same time of the main server.
THREADS: Final = 8
# The largest batch of the batching server; no more rows than that may wait.
BATCH_ROWS: Final = 4
# How long it works on a REST request.
REST_SECONDS: Final = 1

_MONITORING: Final = "prometheus_config { enable: true }"
_BATCHING: Final = f"""
max_batch_size {{ value: {BATCH_ROWS} }}
batch_timeout_micros {{ value: 0 }}
max_enqueued_batches {{ value: 1 }}
num_batch_threads {{ value: 1 }}
allowed_batch_sizes: 2
allowed_batch_sizes: {BATCH_ROWS}
"""
# Those that a warm-up request may be of.
WARM_UP_CALLS: Final = ("predict", "classify", "regress", "multi_inference")
# Templates and names of models whose folders tests change.
_CHANGED: Final = (
    ("gate", "gated"),
    ("words", "missing"),
    ("words", "emptied"),
    *(("numbers 1", f"warmed_{call}") for call in WARM_UP_CALLS),
    ("attempts", "noted"),
)
# Labels in the file that a server starts with need it.
_LABELS: Final = {"allow_version_labels_for_unavailable_models": "true"}


def recorded_models(suite: Suite, models: Path) -> list[ModelConfig]:
    """Returns what the recorded server served: numbers 2 (stable) and 3 (canary) of three, and words."""
    for version in (1, 2, 3):
        suite.models.publish(f"numbers {version}", models / "numbers" / str(version))
    suite.models.publish("words", models / "words" / "1")
    policy = {"specific": {"versions": [2, 3]}}
    return [model_config("numbers", models / "numbers", policy, stable=2, canary=3), _plain(models, "words")]


def main_server(suite: Suite) -> TestedServer:
    """The recorded models, and those of the tests that change nothing."""
    folder = suite.folder("main")
    models = folder / "models"
    base = [*recorded_models(suite, models), *_policies(suite, models)]
    for template, name in (
        ("exported", "exported"),
        ("gate", "gate"),
        ("faults", "faults"),
        ("lacking", "lacking"),
        ("words", "beacon"),
    ):
        suite.models.publish(template, models / name / "1")
        base.append(_plain(models, name))
    (folder / "monitoring.config").write_text(_MONITORING)
    return suite.server(
        "main",
        base,
        **_LABELS,
        monitoring_config_file=folder / "monitoring.config",
        enable_grpc_healthcheck_service="true",
        grpc_socket_path=folder / "socket",
        grpc_max_threads=THREADS,
        max_num_load_retries=0,
    )


def changing_server(suite: Suite) -> TestedServer:
    """The recorded models, and models whose folders tests change, each of which ends with a version that loads."""
    models = suite.folder("changing") / "models"
    base = recorded_models(suite, models)
    for template, model in _CHANGED:
        suite.models.publish(template, models / model / "1")
        base.append(_plain(models, model))
    return suite.server("changing", base, **_LABELS, grpc_max_threads=128, load_retry_interval_micros=1000)


@dataclass(frozen=True)
class BatchingServer:
    """A server with a batching file, behind TLS, that looks for versions once only.

    Attributes:
        tested: The server.
        was_open_while_loading: Whether its port took connections while its first version was not loaded yet.
    """

    tested: TestedServer
    was_open_while_loading: bool


@contextmanager
def batching_server(suite: Suite, authority: trustme.CA) -> Iterator[BatchingServer]:
    """Starts it for the block, and holds up its start at a warm-up request to look at its port."""
    folder = suite.folder("batching")
    models, gate = folder / "models", folder / "start"
    suite.models.publish("gate", models / "gate" / "1", gate_log(gate))
    suite.models.publish("words", models / "once" / "1")
    (folder / "batching.config").write_text(_BATCHING)
    server = suite.server(
        "batching",
        [_plain(models, "gate"), _plain(models, "once")],
        enable_batching="true",
        batching_parameters_file=folder / "batching.config",
        ssl_config_file=_ssl_config(folder, authority),
        grpc_max_threads=64,
        rest_api_timeout_in_ms=REST_SECONDS * 1000,
        file_system_poll_wait_seconds=0,
    )
    try:
        server.launch()
        is_open = False
        if "warm-up" not in suite.without:
            server.wait_for(gate.with_name("start.entered").exists)
            is_open = server.is_open()
        gate.touch()
        server.wait_until_open()
        server.calls = server.connect(
            None if "tls" in suite.without else grpc.ssl_channel_credentials(authority.cert_pem.bytes())
        )
        yield BatchingServer(server, is_open)
    finally:
        server.stop()


def tls_server(suite: Suite, authority: trustme.CA) -> TestedServer:
    """The recorded models, without batches and REST, behind mutual TLS; the config file is read every second."""
    folder = suite.folder("tls")
    clients = f"client_verify: true custom_ca: {_quote(authority.cert_pem)}"
    server = suite.server(
        "tls",
        recorded_models(suite, folder / "models"),
        **_LABELS,
        enable_batching="false",
        ssl_config_file=_ssl_config(folder, authority, clients),
        model_config_file_poll_wait_seconds=1,
    )
    # REST would be in the clear; tfapp serve refuses that.
    server.rest_port = 0
    return server


def client_credentials(authority: trustme.CA, signer: trustme.CA) -> grpc.ChannelCredentials:
    """Credentials of a client that trusts an authority and shows a certificate of its own.

    Args:
        authority: Whose server it trusts.
        signer: Who signed its certificate.
    """
    certificate = signer.issue_cert("client")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    return grpc.ssl_channel_credentials(authority.cert_pem.bytes(), certificate.private_key_pem.bytes(), chain)


def _plain(models: Path, name: str) -> ModelConfig:
    return model_config(name, models / name)


def _policies(suite: Suite, models: Path) -> list[ModelConfig]:
    """One model for each version policy, with versions 1, 2, 3; and folders that are no plain numbers."""
    policies = {
        "unsaid": None,
        "latest_two": {"latest": {"num_versions": 2}},
        "all": {"all": {}},
        "specific": {"specific": {"versions": [1, 3]}},
    }
    for name in policies:
        for version in "123":
            suite.models.publish("words", models / name / version)
    for version in ("00007", "next", "8.tmp"):
        suite.models.publish("words", models / "names" / version)
    return [*(model_config(name, models / name, policy) for name, policy in policies.items()), _plain(models, "names")]


def _ssl_config(folder: Path, authority: trustme.CA, options: str = "") -> Path:
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    chain = "".join(blob.bytes().decode() for blob in certificate.cert_chain_pems)
    file = folder / "ssl.config"
    file.write_text(f"server_key: {_quote(certificate.private_key_pem)} server_cert: {json.dumps(chain)} {options}")
    return file


def _quote(pem: trustme.Blob) -> str:
    """A string as the text format has it; JSON's escapes are among its own."""
    return json.dumps(pem.bytes().decode())
