"""The capabilities that a server under test may have been built without."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from typing import Final

__all__ = ["CAPABILITIES", "parse_capabilities", "skip_reason"]

CAPABILITIES: Final = {
    "rest": "the REST interface, at {rest_port}",
    "metrics": "the Prometheus page on the REST port",
    "health": "grpc.health.v1",
    "reload": "HandleReloadConfigRequest",
    "config-polling": "polling of the model config file",
    "folder-polling": "polling of the folders for new versions",
    "warm-up": "warm-up requests",
    "load-retries": "retrying a version that did not load",
    "batching": "merging requests as a batching parameters file says",
    "batching-errors": "the answers of a full queue, and to requests whose deadline passes in the queue",
    "thread-limit": "a limit on concurrent calls",
    "tls": "TLS and mutual TLS",
    "unix-socket": "listening on a UNIX socket",
    "exclusive-port": "keeping other processes off its port (TensorFlow Serving shares it)",
    "resource-tensors": "refusing a resource handle in a request (it ends TensorFlow Serving's process)",
    "pending-calls": "answering while hundreds of calls wait for their messages",
    "memory": "a process, started by the suite, whose memory can be read in /proc",
}


def parse_capabilities(text: str) -> frozenset[str]:
    """Reads names with commas between them.

    Raises:
        argparse.ArgumentTypeError: A name is unknown.
    """
    names = frozenset(filter(None, (name.strip() for name in text.split(","))))
    unknown = sorted(names - set(CAPABILITIES))
    if unknown:
        raise argparse.ArgumentTypeError(f"no capability {unknown[0]!r}; there are {', '.join(CAPABILITIES)}")
    return names


def skip_reason(needed: Collection[str], without: Collection[str]) -> str | None:
    """Says why a test is skipped; None: it is run.

    Raises:
        ValueError: A test needs what is no capability.
    """
    unknown = sorted(set(needed) - set(CAPABILITIES))
    if unknown:
        raise ValueError(f"no capability {unknown[0]!r}")
    missing_capabilities = sorted(set(needed) & set(without))
    return f"without {', '.join(missing_capabilities)}" if missing_capabilities else None
