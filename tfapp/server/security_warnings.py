"""Warnings for the log at a server's start about settings that are less safe than the defaults."""

from __future__ import annotations

from tfapp.core.ports import is_loopback
from tfapp.server.settings import ServerSettings

__all__ = ["security_warnings"]


def security_warnings(settings: ServerSettings) -> list[str]:
    """Returns a line for each setting that lets more people in, or lets them see more, than the defaults do."""
    elsewhere = not is_loopback(settings.host)
    has_rest = settings.rest_api_port is not None
    lines = []
    if elsewhere:
        lines.append(f"--host {settings.host}: other machines can call the models")
    if elsewhere and settings.tls is None:
        lines.append(
            "no --ssl_config_file: texts and answers travel in plain text, and callers are not asked who they are"
        )
    if elsewhere and settings.tls is not None and not settings.tls.client_verify:
        lines.append("--ssl_config_file without client_verify: whoever reaches the port may call the models")
    if settings.tls is not None and has_rest and not settings.rest_tls:
        lines.append("no --rest_tls: gRPC is encrypted, REST is plain text")
    if has_rest and settings.rest_api_enable_cors_support:
        lines.append("--rest_api_enable_cors_support: pages of any site may call REST from their readers' browsers")
    if settings.tls is not None and settings.tls.client_verify:
        lines.append(
            "--ssl_config_file with client_verify: whoever has a certificate of custom_ca may change which models are "
            "served (HandleReloadConfigRequest)"
        )
    elif settings.allow_reload:
        lines.append("--allow_reload: whoever reaches the gRPC port may change which models are served")
    if settings.allow_unsafe_ops:
        lines.append("--allow_unsafe_ops: models may touch files, processes and the network")
    return lines
