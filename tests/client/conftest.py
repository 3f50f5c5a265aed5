"""A server with a few models, and a call that each client makes, for the client's tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfapp_client import AsyncClient, Client

from tests.client.task_models import write_tasks
from tests.served_models import write_classifier, write_numbers, write_words
from tfapp.server import ModelServer, running_server


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Serves numbers 3, words 1, news 1 (single-label), topics 2 (multi-label), and version 1 of a model a task."""
    models: Path = tmp_path_factory.mktemp("models")
    write_numbers(models, 3)
    write_words(models)
    write_classifier(models, "news")
    write_classifier(models, "topics", 2, multi_label=True)
    write_tasks(models)
    with running_server(models, port=0) as server:
        yield server


@pytest.fixture(params=["waiting", "awaited"])
def predict(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Makes a client with the given settings, and asks it once for twice 1.5, or for twice `x`."""

    def ask(*arguments: Any, x: Any = (1.5,), **settings: Any) -> Any:
        inputs = {"x": np.asarray(x, np.float32)}
        if request.param == "waiting":
            with Client(*arguments, **settings) as client:
                return client.predict("m", inputs)["y"].tolist()

        async def main() -> Any:
            async with AsyncClient(*arguments, **settings) as client:
                return (await client.predict("m", inputs))["y"].tolist()

        return asyncio.run(main())

    return ask
