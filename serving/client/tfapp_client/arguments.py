"""The arguments of the command line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tfapp_client import environment_variables
from tfapp_client.connection import ConnectionSettings, TlsFiles
from tfapp_client.secrets import read_secrets
from tfapp_client.task_commands import COMMANDS, add_texts
from tfapp_client.terminal_text import printable
from tfapp_client.version import __version__

__all__ = ["connection_arguments", "parse_arguments"]

_INPUTS_HELP = "inputs by name, as JSON: '{\"x\": [1, 2]}'; @FILE reads a file, - standard input"


class _Parser(argparse.ArgumentParser):
    """A parser whose errors hold no control characters; arguments may be texts of others."""

    def error(self, message: str) -> NoReturn:
        super().error(printable(message))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parses a command line; `command` in the result is the command's name.

    Options may stand before, between and after the arguments of their command, which reports what is wrong with them.

    Args:
        arguments: Those of the command line; None: the process's own.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = _Parser(prog="tfapp-client", description="Call models on TensorFlow Serving.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _predict(_command(commands, "predict", "calls any signature of any model"))
    for name, command in COMMANDS.items():
        add_texts(_command(commands, name, command.summary), command)
    _command(commands, "status", "shows the states of a model's versions", label=False)
    _command(commands, "metadata", "shows a model's signatures")
    _bench(_command(commands, "bench", "measures throughput and latencies"))
    if words and words[0] in commands.choices:
        return commands.choices[words[0]].parse_intermixed_args(words[1:], argparse.Namespace(command=words[0]))
    return parser.parse_args(words)


def connection_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the arguments of the clients, from the command line and from the environment.

    Raises:
        OSError: The token's file cannot be read.
        ValueError: There is a key without a certificate, or a certificate without a key, or the token would travel in
            plain text.
    """
    files = TlsFiles(options.tls_root, options.tls_key, options.tls_certificate, options.tls_name)
    secrets = read_secrets(files, encrypt=options.tls, token_file=options.token_file)
    if secrets.token and secrets.tls is None and not options.allow_plain_token:
        # The client refuses it, too, in the words of Python.
        raise ValueError(
            "a token would travel in plain text, for anyone on the way to read; give --tls, or --allow-plain-token "
            "if the network is trusted"
        )
    return {
        "address": options.address,
        "timeout": options.timeout,
        "tls": secrets.tls,
        "token": secrets.token,
        "connection": ConnectionSettings(gzip=options.gzip, allow_plain_token=options.allow_plain_token),
    }


def _command(commands: Any, name: str, summary: str, *, label: bool = True) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
    parser.add_argument("address", metavar="ADDRESS", help="HOST:PORT, or several IP:PORT separated by commas")
    parser.add_argument("model", metavar="MODEL", help="the model's name on the server")
    version = parser.add_mutually_exclusive_group()
    version.add_argument("--version", type=int, metavar="N", help="ask this version; by default the newest")
    if label:
        version.add_argument("--label", metavar="NAME", help="ask the version that has this label")
    parser.add_argument("--json", action="store_true", help="print JSON")
    _connection(parser.add_argument_group("connection"))
    return parser


def _connection(group: Any) -> None:
    group.add_argument("--timeout", type=float, default=30.0, metavar="S", help="deadline of a call in seconds (30)")
    group.add_argument("--gzip", action="store_true", help="compress requests")
    group.add_argument("--tls", action="store_true", help="encrypt; implied by the other TLS options")
    group.add_argument(
        "--tls-root",
        metavar="FILE",
        help=f"certificates to check the server's against (PEM); by default {environment_variables.TLS_ROOT}",
    )
    group.add_argument(
        "--tls-key",
        metavar="FILE",
        help=f"your private key, for mutual TLS (PEM); by default {environment_variables.TLS_KEY}",
    )
    group.add_argument(
        "--tls-certificate",
        metavar="FILE",
        help=f"your certificate, for mutual TLS (PEM); by default {environment_variables.TLS_CERTIFICATE}",
    )
    group.add_argument("--tls-name", metavar="NAME", help="the name to expect in the server's certificate")
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"a file with the bearer token; by default {environment_variables.TOKEN} holds it",
    )
    group.add_argument("--allow-plain-token", action="store_true", help="send the token without TLS")


def _predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", metavar="INPUTS", help=_INPUTS_HELP)
    parser.add_argument("--signature", default="serving_default", metavar="NAME", help="signature (serving_default)")
    parser.add_argument("--output", action="append", metavar="NAME", help="return only this output; may be repeated")


def _bench(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="?", metavar="INPUTS", help=f"{_INPUTS_HELP}; none: short texts")
    parser.add_argument("--signature", default="serving_default", metavar="NAME", help="signature (serving_default)")
    parser.add_argument("--text", action="append", metavar="TEXT", help="send this text; may be repeated")
    parser.add_argument("--rows", type=int, metavar="N", help="texts per request (as many as --text)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--concurrency", type=int, default=8, metavar="N", help="callers with one call at a time (8)")
    how.add_argument("--rate", type=float, metavar="R", help="requests per second, whether or not answers arrive")
    duration_group = parser.add_mutually_exclusive_group()
    duration_group.add_argument(
        "--seconds", type=float, default=10.0, metavar="S", help="how many seconds to send requests (10)"
    )
    duration_group.add_argument("--requests", type=int, metavar="N", help="how many requests to send")
    parser.add_argument("--warm-up", type=int, default=10, metavar="N", help="requests before the measurement (10)")
