"""Makes the models of inference.py: one BERT classifier with an output layer that tells texts apart, in each form.

    python inference_models.py FOLDER LABELS LENGTH [BANKING77/TRAIN.csv]

reads the texts of `FOLDER/streams.json`, leaves `model/`, `head.npz` and the exported graphs in the folder, and prints
their paths, the checkpoint's, the sizes of the layers, and the mean tokens of each stream. With the csv file the output
layer is a logistic regression of its intents; without it, a random one.
"""

from __future__ import annotations

import csv
import json
import random
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from streams import LONG

_METADATA: Final[dict[str, Any]] = {
    "preset": "minilm-l6",
    "tfapp_version": "",
    "data": {"source": "none", "train_rows": 0},
    "metrics": {},
    "settings": "",
}
# Enough for an output layer whose answers are as sure as those of a trained model.
_TRAIN_ROWS: Final = 4000
_BATCH: Final = 64
_STRENGTH: Final = 10.0
# Of the graph for long texts.
_LONG_LENGTH: Final = 512


def main() -> None:
    folder, labels, length = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    import keras

    from tfapp import assets
    from tfapp.config import ExportSettings, ModelSettings
    from tfapp.tasks.models import build_model

    keras.utils.set_random_seed(0)
    train_file = Path(sys.argv[4]) if len(sys.argv) > 4 else None
    intents = read_intents(train_file) if train_file else {}
    names = sorted(set(intents.values())) or [f"label {number}" for number in range(labels)]
    model = build_model("classification", ModelSettings(max_length=length), names)
    head = model.network.get_layer("logits")
    if intents:
        fit_head(model, head, intents)
    else:
        # An untrained layer says the same of every text.
        head.kernel.assign(head.kernel * 20)
    np.savez(folder / "head.npz", kernel=head.kernel.numpy(), bias=head.bias.numpy())
    (folder / "model").mkdir()
    model.save(folder / "model")
    graphs = {precision: ExportSettings(precision=precision) for precision in ("float32", "bfloat16", "int8")}
    graphs["plain"] = ExportSettings(encoder="plain")
    paths = {
        name: export(model, folder / "models" / f"bench-{name}" / "1", settings) for name, settings in graphs.items()
    }
    model.preprocessor.max_length = _LONG_LENGTH
    sizes = (model.backbone.num_layers, model.backbone.hidden_dim, model.backbone.intermediate_dim)
    print(
        json.dumps(
            {
                "graphs": paths,
                "long": export(model, folder / "models" / "bench-long" / "1", ExportSettings()),
                "checkpoint": str(assets.pull("minilm-l6")),
                "sizes": dict(zip(("layers", "width", "inner"), sizes, strict=True)),
                "tokens": count_tokens(model.preprocessor, folder / "streams.json", length),
            }
        )
    )


def count_tokens(preprocessor: Any, file: Path, length: int) -> dict[str, float]:
    """Returns the mean tokens that a graph reads of each stream's texts; of the long ones the longest graph's."""
    streams = json.loads(file.read_text(encoding="utf-8"))
    return {
        name: float(np.minimum(preprocessor.count_tokens(texts), _LONG_LENGTH if name == LONG else length).mean())
        for name, texts in streams.items()
    }


def read_intents(file: Path) -> dict[str, str]:
    """Returns the intent of some texts, drawn from a csv file with the columns text and category."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(lines)]
    return dict(random.Random(1).sample(rows, min(len(rows), _TRAIN_ROWS)))


def fit_head(model: Any, head: Any, intents: dict[str, str]) -> None:
    """Fits the output layer on the vectors that it gets of the texts."""
    import keras
    from sklearn.linear_model import LogisticRegression

    network = keras.Model(model.network.inputs, head.input)
    texts = list(intents)
    batches = [texts[at : at + _BATCH] for at in range(0, len(texts), _BATCH)]
    preprocessor = model.preprocessor
    vectors = np.concatenate([np.asarray(network(preprocessor.pad(preprocessor(batch)))) for batch in batches])
    regression = LogisticRegression(C=_STRENGTH, max_iter=300).fit(vectors, list(intents.values()))
    # Its classes are sorted, as the model's labels are.
    head.kernel.assign(regression.coef_.T)
    head.bias.assign(regression.intercept_)


def export(model: Any, folder: Path, settings: Any) -> str:
    from tfapp.savedmodel import export_model, make_encoder
    from tfapp.tasks.registry import find_task

    folder.mkdir(parents=True)
    export_model(
        model,
        folder,
        name=folder.parent.name,
        metadata=_METADATA,
        texts=["a short text"],
        max_length=model.preprocessor.max_length,
        warmup_requests=8,
        words=find_task("classification").card,
        encoder=make_encoder(model, settings),
    )
    return str(folder)


if __name__ == "__main__":
    main()
