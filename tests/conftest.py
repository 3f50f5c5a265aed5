"""Fixtures for all tests."""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from tests.conformance.options import add_options
from tests.shared_folders import SharedFolders
from tests.toy import toy_experiment, toy_rows, write_toy_preset
from tfapp import Run, api
from tfapp.core import threads
from tfapp.core.tensorflow_import import import_tensorflow
from tfapp.tasks.experiments import parse_experiment

if TYPE_CHECKING:
    from tests.toy_exports import ToyExports

# What XLA compiles in tests runs once: it need not be fast. XLA reads this when TensorFlow is imported.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 " + os.environ.get("XLA_FLAGS", "")

# Until the tests are collected there is none to speak of.
gc.disable()
gc.set_threshold(20_000, 20, 20)

# How long an example takes says nothing on a machine that others use too. A commit passes or fails whenever it is
# tested, so its examples are always the same; `make fuzz` looks for new ones.
hypothesis.settings.register_profile("tfapp", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, derandomize=False, max_examples=1000)
hypothesis.settings.load_profile(os.environ.get("TFAPP_EXAMPLES", "tfapp"))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Imports TensorFlow, but for a process that only hands the tests out to its workers."""
    if session.config.pluginmanager.hasplugin("dsession"):
        return
    import_tensorflow()
    import tensorflow as tf

    # Workers beside each other, each with as many threads as there are cores, would wait for each other.
    if "PYTEST_XDIST_WORKER" in os.environ:
        tf.config.threading.set_intra_op_parallelism_threads(1)
    # Optimizing a graph takes longer than a toy network's few calls of it win. Whoever tests what the optimizer
    # rewrites switches it on; commands that are tested as processes of their own have it, too.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    # Two logical devices for the tests of tf.distribute. A process can choose them only before TensorFlow's first op.
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
    )


def pytest_collection_finish() -> None:
    """Sets aside what is imported: it is never garbage, and each collection would go through all of it."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Sets aside what outlives a file's tests, too: each stop of a server collects garbage."""
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out the tests that share servers or a database to one worker."""
    if config.getvalue("dist") != "loadfile":
        return None
    from tests.scheduling import SharedServerScheduling

    return SharedServerScheduling(config, log)


def pytest_addoption(parser: pytest.Parser) -> None:
    # pytest reads options of the conftest files here and above the tests that were named, not of those below.
    add_options(parser)


@pytest.fixture(scope="session", autouse=True)
def one_stream() -> Iterator[None]:
    """Parts of a batch side by side are tested by themselves; elsewhere they would only take longer to trace."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "shard_count", lambda: 1)
        yield


@pytest.fixture(scope="session", autouse=True)
def checkpoints_by_steps() -> Iterator[None]:
    """Lets the time that a checkpoint takes to write change nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tfapp.training.loop._CHECKPOINT_SHARE", float("inf"))
        yield


@pytest.fixture
def graph_optimizer() -> Iterator[None]:
    """TensorFlow rewrites graphs before they run, as it does outside of the tests."""
    import tensorflow as tf

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
    import tensorflow as tf

    return [device.name for device in tf.config.list_logical_devices("CPU")]


@pytest.fixture(scope="session")
def shared_folders(tmp_path_factory: pytest.TempPathFactory) -> SharedFolders:
    """Folders that the workers share."""
    return SharedFolders(tmp_path_factory, worker="PYTEST_XDIST_WORKER" in os.environ)


@pytest.fixture(scope="session")
def toy_preset(shared_folders: SharedFolders) -> Path:
    """A folder with a KerasHub BERT of 2 layers, width 32."""
    return shared_folders.get("toy-preset", write_toy_preset)


@pytest.fixture(scope="session")
def shallow_preset(shared_folders: SharedFolders) -> Path:
    """The same with one layer, traced in half the time, for tests in which the network's depth says nothing."""
    return shared_folders.get("shallow-preset", lambda folder: write_toy_preset(folder, layers=1))


@pytest.fixture(scope="session")
def bare_preset(shared_folders: SharedFolders) -> Path:
    """The same with no layer at all, for tests of what a training does with its steps, whatever they compute."""
    return shared_folders.get("bare-preset", lambda folder: write_toy_preset(folder, layers=0))


@pytest.fixture(scope="session")
def still_preset(shared_folders: SharedFolders) -> Path:
    """The shallow one without dropout."""
    return shared_folders.get("still-preset", lambda folder: write_toy_preset(folder, dropout=0, layers=1))


@pytest.fixture(scope="session")
def toy_data(shared_folders: SharedFolders) -> Path:
    """A jsonl file of 240 texts with 3 labels."""
    lines = "".join(json.dumps(row) + "\n" for row in toy_rows())
    return shared_folders.get("toy-data", lambda folder: (folder / "toy.jsonl").write_text(lines)) / "toy.jsonl"


@pytest.fixture(scope="session")
def toy_run(
    toy_preset: Path, toy_data: Path, shared_folders: SharedFolders, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """A finished run on the toy data; tests read it only, and have it evaluated again."""
    experiment = parse_experiment(toy_experiment(toy_preset, toy_data))
    runs = shared_folders.get("toy-runs", lambda folder: api.fit(experiment, runs=folder, quiet=True))
    # An evaluation writes into the run's folder, which another worker may be reading.
    return api.open_run(shutil.copytree(runs, tmp_path_factory.mktemp("runs"), dirs_exist_ok=True) / "toy")


@pytest.fixture(scope="session")
def toy_models(toy_run: Run, shared_folders: SharedFolders) -> Path:
    """A models folder with version 1 of the toy run's model; tests read it only."""
    return shared_folders.get("toy-models", toy_run.export)


@pytest.fixture(scope="session")
def toy_exports(shared_folders: SharedFolders) -> ToyExports:
    """An export of each untrained toy model; tests read them only."""
    from tests.toy_exports import ToyExports

    return ToyExports(shared_folders)
