"""A worker of inference.py: a graph of tfapp or of KerasHub, called in this process.

    python inference_ours.py FOLDER/STREAMS.json THREADS KIND

KIND is the folder of a version that tfapp exported, or `keras-128` and so on: KerasHub's own classifier and
preprocessor in a graph, padded to so many tokens, `keras-longest` to the longest of the batch.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from callers import answered_texts, measures
from harness import serve_lines

# One thread within an op and several ops side by side, as `tfapp serve` computes.
_INTRA_OP = 1


def main() -> None:
    streams, threads, kind = sys.argv[1:]
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    keras = kind.startswith("keras-")
    tf.config.threading.set_intra_op_parallelism_threads(int(threads) if keras else _INTRA_OP)
    tf.config.threading.set_inter_op_parallelism_threads(int(threads))
    answer = keras_graph(Path(streams).parent, kind.removeprefix("keras-")) if keras else load_exported(Path(kind))

    def call(rows: list[str]) -> Any:
        return answer(tf.constant(rows)).numpy()

    lines = json.loads(Path(streams).read_text(encoding="utf-8"))
    measure = measures(call, lines)
    answers = answered_texts(lines)
    serve_lines(lambda question: call(answers).tolist() if question == "answers" else measure(question))


def load_exported(folder: Path) -> Callable[[Any], Any]:
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    return lambda texts: model.signatures["serving_default"](text=texts)["probabilities"]


def keras_graph(folder: Path, length: str) -> Callable[[Any], Any]:
    """Returns KerasHub's graph with the weights that inference.py left in `folder/model`."""
    import keras_hub
    import tensorflow as tf

    from tfapp.tasks.models import load_model

    model = load_model(folder / "model")
    tokenizer = keras_hub.models.BertTokenizer(list(model.preprocessor.vocabulary), lowercase=True, strip_accents=True)
    longest = length == "longest"
    size = model.preprocessor.max_length if longest else int(length)
    preprocess = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, sequence_length=size)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def answer(texts: Any) -> Any:
        inputs = preprocess(texts)
        if longest:
            width = tf.reduce_max(tf.reduce_sum(tf.cast(inputs["padding_mask"], tf.int32), axis=1))
            inputs = {name: value[:, :width] for name, value in inputs.items()}
        return tf.nn.softmax(model.network(inputs))

    return answer


if __name__ == "__main__":
    main()
