"""Leaves what the contenders of training.py learn from in a folder: experiments, token ids, and the checkpoint.

    python training_data.py FOLDER TASKS.json

TASKS.json is a list of experiments of one preset, named after their data; each becomes `FOLDER/NAME.json`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from tfapp import assets
from tfapp.data import load
from tfapp.models import Preset, load_preset
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.pretraining.prediction_head import write_preset
from tfapp.tasks.pretraining.scratch_preset import ScratchPreset
from tfapp.tasks.pretraining.settings import ScratchSettings
from tfapp.tasks.registry import find_task

# BERT's sizes (Devlin et al. 2019) with random weights: a step takes as long.
RANDOM: Final = {
    "random-base": ScratchSettings(layers=12, width=768, heads=12),
    "random-large": ScratchSettings(layers=24, width=1024, heads=16),
}
_VOCABULARY: Final = "minilm-l6"


def main() -> None:
    folder = Path(sys.argv[1])
    experiments = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    preset = find(experiments[0]["model"]["preset"])
    checkpoint = bring(preset, folder)
    backbone = preset.backbone()
    sizes = {name: getattr(backbone, name) for name in ("num_layers", "hidden_dim", "intermediate_dim")}
    for values in experiments:
        name = values["model"]["preset"]
        values["model"]["preset"] = checkpoint if name in RANDOM else name
        task = {"experiment": values, "checkpoint": checkpoint, "sizes": sizes} | rows(values, preset)
        (folder / f"{values['name']}.json").write_text(json.dumps(task), encoding="utf-8")


def find(name: str) -> Preset:
    if name not in RANDOM:
        return load_preset(name)
    preset = load_preset(_VOCABULARY)
    return ScratchPreset(name, "", preset.vocabulary, preset.lowercase, RANDOM[name])


def bring(preset: Preset, folder: Path) -> str:
    """Returns the folder of the preset as a checkpoint that Transformers and KerasHub read."""
    if assets.find(preset.name, kind="preset"):
        return str(assets.pull(preset.name))
    if (Path(preset.name) / "model.safetensors").is_file():
        return preset.name
    target = folder / "checkpoint"
    write_preset(target, preset.backbone(), preset.vocabulary, lowercase=preset.lowercase)
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    # The same function as "gelu_new", which PyTorch makes of single operations.
    config["hidden_act"] = "gelu_pytorch_tanh"
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(target)


def rows(values: dict[str, Any], preset: Preset) -> dict[str, Any]:
    """Returns token ids and labels' numbers, in the order in which tfapp has them."""
    experiment = parse_experiment(values)
    splits = load(experiment.data, schema=find_task(experiment.task).schema)
    tokenizer = preset.preprocessor(experiment.model.max_length)
    columns: dict[str, Any] = {"labels": len(splits.labels)}
    for split_name in ("train", "dev"):
        table = getattr(splits, split_name)
        ids, row_splits = tokenizer.tokenize(table["text"].to_pylist())
        columns[split_name] = {
            "ids": [part.tolist() for part in np.split(ids, row_splits[1:-1])],
            "labels": [splits.labels.index(label) for label in table["label"].to_pylist()],
        }
    return columns


if __name__ == "__main__":
    main()
