"""TensorFlow Serving's REST interface: JSON over HTTP, beside gRPC, over the same models."""

from __future__ import annotations

from tfapp.server.rest.listener import RestListener

__all__ = ["RestListener"]
