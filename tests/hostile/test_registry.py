"""Models folders and the vector index's file under attack: read, or refused as something that the user can mend."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.hostile.attack import AttackPlan, attack
from tests.hostile.draws import choose, mutate, name, nest, number, several, text
from tfapp.apps.shared.vector_index import VectorIndex
from tfapp.errors import TfappError
from tfapp.workflows.version_catalogue import caller_versions, describe, history

_METADATA = ("task", "preset", "labels", "metrics", "data", "exported", "checks_inputs", "settings")
_FILES = ("saved_model.pb", "assets.extra/tfapp.json", "assets.extra", "variables", "labels.txt")


def _put(path: Path, source: random.Random) -> None:
    """Makes something of a name: a file, a folder, or a link, never out of the folder."""
    with suppress(OSError, ValueError):
        path.parent.mkdir(parents=True, exist_ok=True)
        match source.randrange(5):
            case 0:
                path.mkdir()
            case 1:
                path.symlink_to(source.choice((path.name, ".", "nothing", "1")))
            case 2:
                values = {source.choice(_METADATA): nest(source, _leaf) for _ in range(source.randrange(4))}
                path.write_text(json.dumps(values if source.random() < 0.8 else nest(source, _leaf)))
            case 3:
                path.write_bytes(mutate(b'{"labels": ["a"], "metrics": {"f1": 0.5}}', source))
            case _:
                path.write_text("[" * 100_000)


def _leaf(source: random.Random) -> object:
    """Draws a value of any kind."""
    return choose(source, text, number, lambda _: None, lambda _: 0.5)


def _entry(source: random.Random, names: Sequence[str]) -> str:
    """Draws the name of an entry of a folder: what is written to it stays in the folder."""
    entry = name(source, names)
    return names[0] if "/" in entry or entry in {".", ".."} else entry


def _build(models: Path, source: random.Random) -> None:
    for model in several(source, lambda s: _entry(s, ("news", "words", "models.config")), 3):
        for version in several(
            source, lambda s: _entry(s, ("1", "2", "007", "9223372036854775808", "1 ", "²", "-1")), 4
        ):
            _put(models / model / version, source)
            for file in several(source, lambda s: s.choice(_FILES), 3):
                _put(models / model / version / file, source)
    if source.random() < 0.3:
        _put(models / "models.config", source)


def test_any_models_folder(tmp_path: Path, plan: AttackPlan) -> None:
    models, template = tmp_path / "models", tmp_path / "good"
    (template / "news" / "1" / "assets.extra").mkdir(parents=True)
    (template / "news" / "1" / "assets.extra" / "tfapp.json").write_text('{"labels": ["a"]}')

    def strike(source: random.Random) -> None:
        _build(models, source)
        with suppress(TfappError):
            for facts in describe(models=models):
                for version in facts.versions:
                    _ = version.labels, version.settings, version.score, version.checks_inputs
        for model in ("news", "words"):
            for query in (caller_versions, history):
                with suppress(TfappError):
                    query(model, models=models)
        shutil.rmtree(models, ignore_errors=True)

    def still_good() -> None:
        assert [facts.versions[0].labels for facts in describe(models=template)] == [["a"]]

    attack(plan, 40, strike, still_good)


def test_any_vector_index(tmp_path: Path, plan: AttackPlan) -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    file = tmp_path / "index"
    index = VectorIndex()
    index.sync(range(20), lambda ids: vectors[list(ids)])
    index.save(file)
    content = file.read_bytes()

    def strike(source: random.Random) -> None:
        file.write_bytes(
            mutate(content, source) if source.random() < 0.7 else content[: source.randrange(len(content))]
        )
        index = VectorIndex.load(file)
        # Whatever is damaged is made again from the database.
        index.sync(range(20), lambda ids: vectors[list(ids)])
        assert index.search(vectors[0], 1)[0][0] == 0

    def still_good() -> None:
        file.write_bytes(content)
        assert len(VectorIndex.load(file)) == 20

    attack(plan, 100, strike, still_good)
