"""Runs a server in the foreground: its start, its messages, its signals."""

from __future__ import annotations

import gc
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from tfapp.core import terminal
from tfapp.core.signals import stop_signals

if TYPE_CHECKING:
    from tfapp.server import ModelServer

__all__ = ["serve_until_stopped"]

# The name of gRPC's thread (grpc/_server.py), which takes all calls and hands them to other threads.
_GRPC_THREAD: Final = re.compile(r"^Thread-\d+ \(_serve\)$")


def serve_until_stopped(
    make: Callable[[], ModelServer], warnings: Callable[[ModelServer], Iterable[str]] = lambda _: ()
) -> None:
    """Starts a server, says where it is, and stops it at SIGINT or SIGTERM.

    Args:
        make: Makes the server, not started.
        warnings: Returns what is to be said of the started server beside its models, in lines.

    Raises:
        TfappError: The server cannot be made or started.
    """
    terminal.log_to_stderr()
    logging.getLogger("tfapp").setLevel(logging.INFO)
    from tfapp.server.security_warnings import security_warnings

    with stop_signals(interrupt=True) as stop_event, _end_with_grpc():
        server = make()
        # What is here to stay need not be searched whenever a version is unloaded, which would hold up requests.
        gc.collect()
        gc.freeze()
        try:
            server.start()
            for line in security_warnings(server.settings):
                logging.getLogger(__name__).warning(line)
            for line in warnings(server):
                terminal.error_console().print(line, soft_wrap=True)
            _print_ready(server)
            stop_event.wait()
            terminal.error_console().print("stopping: finishing the calls that were taken; again to stop at once")
        finally:
            is_clean = server.stop()
    if not is_clean:
        terminal.error_console().print("stopped; a call that went on too long was cut off")
        sys.stdout.flush()
        sys.stderr.flush()
        # A thread still runs a model, and nothing else could stop it.
        os._exit(1)


@contextmanager
def _end_with_grpc() -> Iterator[None]:
    """Ends the process if gRPC's own thread fails during the block, so that a supervisor starts it again.

    Callers would wait until their deadlines, and so would whoever tells the server to stop.
    """
    former_hook = threading.excepthook

    def end(failure: Any) -> None:
        former_hook(failure)
        if failure.thread and _GRPC_THREAD.match(failure.thread.name):
            text = "the server ends, as gRPC's own thread has failed and no call would be answered; start it again"
            terminal.error_console().print(text, soft_wrap=True)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)

    threading.excepthook = end
    try:
        yield
    finally:
        threading.excepthook = former_hook


def _print_ready(server: ModelServer) -> None:
    out = terminal.console()
    for name, versions in server.manager.available().items():
        out.print(f"model {name}, version {', '.join(str(version) for version in versions)}")
    for name, version, reason in server.manager.failures():
        terminal.error_console().print(f"model {name}, version {version}: does not load: {reason}", soft_wrap=True)
    first = next(iter(server.manager.available()))
    _print_pages(server)
    tls_note = ", TLS" if server.settings.tls else ""
    scheme = "https" if server.settings.rest_tls else "http"
    rest_note = f" and {scheme}://{server.rest_address} (REST)" if server.rest_address else ""
    out.print(f"serving on {server.address} (gRPC{tls_note}){rest_note}; stop with Ctrl-C.", end="", soft_wrap=True)
    out.print(" To call it from Python:", soft_wrap=True)
    out.print(_hint(server, first), soft_wrap=True)
    out.file.flush()


def _print_pages(server: ModelServer) -> None:
    monitoring = server.settings.monitoring
    if not monitoring.enable:
        return
    if server.rest_address is None:
        text = "--monitoring_config_file: the Prometheus page is on the REST port; give --rest_api_port"
        terminal.error_console().print(text, soft_wrap=True)
    else:
        text = f"Prometheus page: {'https' if server.settings.rest_tls else 'http'}://{server.rest_address}{monitoring.path}"
        terminal.console().print(text, soft_wrap=True)


def _hint(server: ModelServer, model: str) -> str:
    from tfapp.registry import STABLE

    manager = server.manager
    stable = manager.labels(model).get(STABLE) in manager.available()[model]
    with manager.use(model, label=STABLE if stable else None) as servable:
        classifies = _is_classifier(servable)
    label = f', label="{STABLE}"' if stable else ""
    call = f'classify("{model}", ["a text"]{label})' if classifies else f'metadata("{model}"{label})'
    tls = ', tls=TlsFiles(root="CA.pem")' if server.settings.tls else ""
    names = "Client, TlsFiles" if tls else "Client"
    return f'  from tfapp_client import {names}\n  print(Client("{server.address}"{tls}).{call})'


def _is_classifier(servable: Any) -> bool:
    from tfapp_client import contract

    definition = servable.definitions.get(contract.DEFAULT_SIGNATURE)
    return definition is not None and contract.CLASSIFICATION.fits(definition.inputs, definition.outputs)
