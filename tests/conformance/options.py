"""The command line of the suite: which server to test, and what that server lacks."""

from __future__ import annotations

import os

import pytest

from tests.conformance.capabilities import CAPABILITIES, parse_capabilities
from tests.conformance.command import EMBEDDED, parse_command

__all__ = ["add_options"]


def add_options(parser: pytest.Parser) -> None:
    """Adds --server-command and --without; TFAPP_SERVER_COMMAND and TFAPP_SERVER_WITHOUT mean the same."""
    group = parser.getgroup("conformance", "the suite in tests/conformance")
    group.addoption(
        "--server-command",
        type=parse_command,
        default=os.environ.get("TFAPP_SERVER_COMMAND") or EMBEDDED,
        metavar="COMMAND",
        help="starts the server to test, with {model_config_file}, {port}, {rest_port} in it; {flags}: where "
        "TensorFlow Serving's other flags go (default: at the end); {folder}: all files that the server reads",
    )
    group.addoption(
        "--without",
        type=parse_capabilities,
        default=os.environ.get("TFAPP_SERVER_WITHOUT", ""),
        metavar="NAMES",
        help=f"what that server was built without, with commas between: {', '.join(CAPABILITIES)}",
    )
