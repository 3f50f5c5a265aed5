"""Makes the models of inference.py: one BERT classifier with an output layer that tells texts apart, in each form.

    python inference_models.py FOLDER LABELS LENGTH

leaves `model/`, `head.npz` and the exported graphs in the folder, and prints their paths and the checkpoint's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

_METADATA: Final[dict[str, Any]] = {
    "preset": "minilm-l6",
    "tfapp_version": "",
    "data": {"source": "none", "train_rows": 0},
    "metrics": {},
    "settings": "",
}


def main() -> None:
    folder, labels, length = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    import keras

    from tfapp import assets
    from tfapp.config import ExportSettings, ModelSettings
    from tfapp.tasks.models import build_model

    keras.utils.set_random_seed(0)
    model = build_model(
        "classification", ModelSettings(max_length=length), [f"label {number}" for number in range(labels)]
    )
    head = model.network.get_layer("logits")
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
    print(json.dumps({"graphs": paths, "checkpoint": str(assets.pull("minilm-l6"))}))


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
