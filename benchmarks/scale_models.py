"""Makes the models of scale.py: a BERT classifier for each number of classes, exported.

    python scale_models.py FOLDER LENGTH CLASSES [CLASSES ...]

leaves `models/classes-N/1` for each, and `model/`, the first as it is saved after training.
"""

from __future__ import annotations

import sys
from pathlib import Path

from inference_models import export


def main() -> None:
    folder, length, counts = Path(sys.argv[1]), int(sys.argv[2]), [int(count) for count in sys.argv[3:]]
    from tfapp.core.tensorflow_import import import_tensorflow

    # Before Keras, which would let it make its noise.
    import_tensorflow()
    import keras

    from tfapp.config import ExportSettings, ModelSettings
    from tfapp.tasks.models import build_model

    (folder / "model").mkdir()
    for count in counts:
        keras.utils.set_random_seed(0)
        labels = [f"label {number}" for number in range(count)]
        model = build_model("classification", ModelSettings(max_length=length), labels)
        if count == counts[0]:
            model.save(folder / "model")
        export(model, folder / "models" / f"classes-{count}" / "1", ExportSettings())


if __name__ == "__main__":
    main()
