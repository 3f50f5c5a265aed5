"""Measures how fast this machine multiplies matrices of a BERT layer's shapes, and how many products a text takes.

    python inference_products.py FOLDER/STREAMS.json THREADS

answers `gflop` (of a text in the mean, as the packed encoder computes it) and `rate float32 | bfloat16` (GFLOP/s).
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness import serve_lines

_ROWS = 32
_TURNS = 24


def main() -> None:
    streams, threads = Path(sys.argv[1]), int(sys.argv[2])
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    from tfapp.tasks.models import load_model

    model = load_model(streams.parent / "model")
    lines = json.loads(streams.read_text(encoding="utf-8"))["mix"]
    tokens = float(model.preprocessor.count_tokens(lines).mean())
    shapes = layer_shapes(model.backbone)
    # The last layer is computed of the first token alone, but for its keys and values.
    layers = model.backbone.num_layers - 1
    product_count = sum(rows * columns for rows, columns in shapes)
    product = shapes[0][0] * shapes[0][1]
    gflop = 2e-9 * ((layers * product_count + product) * tokens + (product_count - product))
    rates = {name: product_rate(shapes, round(tokens * _ROWS), threads, name) for name in ("float32", "bfloat16")}
    serve_lines(lambda question: gflop if question == "gflop" else rates[question.split()[1]]())


def layer_shapes(backbone: Any) -> list[tuple[int, int]]:
    width, inner = backbone.hidden_dim, backbone.intermediate_dim
    return [(width, 3 * width), (width, width), (width, inner), (inner, width)]


def product_rate(shapes: list[tuple[int, int]], rows: int, threads: int, dtype: str) -> Any:
    """Returns a function that measures the best rate: a batch's tokens, divided among threads that multiply at once."""
    import tensorflow as tf

    share = max(rows // threads, 1)
    kernels = [tf.cast(tf.random.normal(shape), dtype) for shape in shapes]
    inputs = [tf.cast(tf.random.normal((share, shape[0])), dtype) for shape in shapes]

    @tf.function(autograph=False)
    def multiply(*pairs: tf.Tensor) -> list[tf.Tensor]:
        return [tf.matmul(pairs[2 * index], pairs[2 * index + 1]) for index in range(len(pairs) // 2)]

    pairs = [value for pair in zip(inputs, kernels, strict=True) for value in pair]
    multiply(*pairs)
    work = 2e-9 * share * sum(rows * columns for rows, columns in shapes)

    def measure() -> float:
        def turn(_thread: int) -> None:
            for _ in range(_TURNS):
                multiply(*pairs)[-1].numpy()

        with ThreadPoolExecutor(threads) as pool:
            start_time = time.perf_counter()
            list(pool.map(turn, range(threads)))
            return threads * _TURNS * work / (time.perf_counter() - start_time)

    return measure


if __name__ == "__main__":
    main()
