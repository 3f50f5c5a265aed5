"""Fixtures for all tests."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.conformance.options import add_options
from tests.toy import toy_experiment, toy_rows, write_toy_preset
from tfapp import Run, api, threads
from tfapp.config import parse_experiment
from tfapp.quiet import import_tensorflow

import_tensorflow()

import tensorflow as tf  # noqa: E402

# How long an example takes says nothing on a machine that others use too. A commit passes or fails whenever it is
# tested, so its examples are always the same; `make fuzz` looks for new ones.
hypothesis.settings.register_profile("tfapp", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, derandomize=False, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("TFAPP_EXAMPLES", "tfapp"))

# Workers beside each other, each with as many threads as there are cores, would wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    tf.config.threading.set_intra_op_parallelism_threads(1)

# Optimizing a graph takes longer than a toy network's few calls of it win. Whoever tests what the optimizer rewrites
# switches it on; commands that are tested as processes of their own have it, too.
tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})

# What is imported is never garbage; each collection would go through all of it.
gc.collect()
gc.freeze()
gc.set_threshold(20_000, 20, 20)

# Two logical devices for the tests of tf.distribute. A process can choose them only before TensorFlow's first op.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)


def pytest_addoption(parser: pytest.Parser) -> None:
    # pytest reads options of the conftest files here and above the tests that were named, not of those below.
    add_options(parser)


@pytest.fixture(scope="session", autouse=True)
def one_stream() -> Iterator[None]:
    """Parts of a batch side by side are tested by themselves; elsewhere they would only take longer to trace."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "stream_count", lambda: 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def checkpoints_by_steps() -> Iterator[None]:
    """How long a checkpoint takes to write changes nothing in tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfapp.training.loop._CHECKPOINT_SHARE", float("inf"))
        yield


@pytest.fixture
def graph_optimizer() -> Iterator[None]:
    """TensorFlow rewrites graphs before they run, as it does outside of the tests."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": False})
    yield
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The certificates and the token of whoever runs the tests are none of theirs."""
    for name in [name for name in os.environ if name.startswith("TFAPP_CLIENT_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def two_devices() -> list[str]:
    """The names of two logical CPU devices."""
    return [device.name for device in tf.config.list_logical_devices("CPU")]


@pytest.fixture(scope="session")
def toy_preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a KerasHub BERT of 2 layers, width 32."""
    return write_toy_preset(tmp_path_factory.mktemp("presets") / "toy")


@pytest.fixture(scope="session")
def shallow_preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with one layer, traced in half the time, for tests in which the network's depth says nothing."""
    return write_toy_preset(tmp_path_factory.mktemp("presets") / "shallow", layers=1)


@pytest.fixture(scope="session")
def still_preset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same without dropout."""
    return write_toy_preset(tmp_path_factory.mktemp("presets") / "still", dropout=0)


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A jsonl file of 240 texts with 3 labels."""
    file = tmp_path_factory.mktemp("data") / "toy.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in toy_rows()), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def toy_run(toy_preset: Path, toy_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A finished run on the toy data; tests read it only."""
    experiment = parse_experiment(toy_experiment(toy_preset, toy_data))
    return api.fit(experiment, runs=tmp_path_factory.mktemp("runs"), quiet=True)


@pytest.fixture(scope="session")
def toy_models(toy_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with version 1 of the toy run's model; tests read it only."""
    models = tmp_path_factory.mktemp("models")
    toy_run.export(models)
    return models
