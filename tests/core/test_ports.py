"""Ports that cannot be listened on are one line."""

from __future__ import annotations

import pytest

from tfapp.core.ports import open_port
from tfapp.errors import ServerError


@pytest.mark.parametrize("port", [65536, 1 << 40, -1])
def test_no_port(port: int) -> None:
    with pytest.raises(ServerError, match=rf"^cannot listen on 127\.0\.0\.1:{port}: .*; give another --port$"):
        open_port("127.0.0.1", port, backlog=1, advice="; give another --port")


def test_a_taken_port() -> None:
    with open_port("127.0.0.1", 0, backlog=1) as first:
        port = first.getsockname()[1]
        with pytest.raises(ServerError, match=rf"^cannot listen on 127\.0\.0\.1:{port}: Address already in use$"):
            open_port("127.0.0.1", port, backlog=1)
