"""Measures how fast this machine multiplies matrices of a BERT layer's shapes, which a graph's rate is compared with.

    python products.py WIDTH INNER THREADS

answers `inference PRECISION TOKENS` and `training PRECISION TOKENS` in GFLOP/s, of batches of so many tokens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from harness import serve_lines

__all__ = ["gflop_a_text", "layer_shapes"]

_TURNS = 24

# Rows, inner size and columns of a product, and which of its two matrices is transposed.
Product = tuple[int, int, int, str]


def main() -> None:
    width, inner, threads = map(int, sys.argv[1:])
    from tfapp.core.tensorflow_import import import_tensorflow

    import_tensorflow()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    shapes = layer_shapes(width, inner)

    @cache
    def timer(phase: str, precision: str, tokens: int) -> Callable[[], float]:
        products = {"inference": inference_products, "training": training_products}[phase]
        return product_timer(products(shapes, max(tokens // threads, 1)), threads, precision)

    def answer(question: str) -> float:
        phase, precision, tokens = question.split()
        return timer(phase, precision, int(tokens))()

    serve_lines(answer)


def layer_shapes(width: int, inner: int) -> list[tuple[int, int]]:
    """Returns the shapes of a layer's weights: queries with keys and values, attention's output, and the two others."""
    return [(width, 3 * width), (width, width), (width, inner), (inner, width)]


def gflop_a_text(shapes: list[tuple[int, int]], layers: int, tokens: float) -> float:
    """Returns the products of a text in units of 1e9 operations, as the packed encoder computes it."""
    # The last layer is computed of the first token alone, but for its keys and values.
    product_count = sum(rows * columns for rows, columns in shapes)
    product = shapes[0][0] * shapes[0][1]
    return 2e-9 * (((layers - 1) * product_count + product) * tokens + (product_count - product))


def inference_products(shapes: list[tuple[int, int]], tokens: int) -> list[Product]:
    return [(tokens, rows, columns, "") for rows, columns in shapes]


def training_products(shapes: list[tuple[int, int]], tokens: int) -> list[Product]:
    """Returns the products forward, and those of the gradients of the inputs and of the weights."""
    products = []
    for rows, columns in shapes:
        products += [(tokens, rows, columns, ""), (tokens, columns, rows, "b"), (rows, tokens, columns, "a")]
    return products


def product_timer(products: list[Product], threads: int, dtype: str) -> Callable[[], float]:
    """Returns a function that measures the rate of products that each thread computes by itself."""
    import tensorflow as tf

    def operand(rows: int, columns: int, *, transposed: bool) -> tf.Tensor:
        return tf.cast(tf.random.normal((columns, rows) if transposed else (rows, columns)), dtype)

    pairs = [
        (
            operand(rows, inner, transposed=transposed == "a"),
            operand(inner, columns, transposed=transposed == "b"),
        )
        for rows, inner, columns, transposed in products
    ]
    marks = [transposed for *_, transposed in products]

    @tf.function(autograph=False)
    def multiply(pairs: list[tuple[tf.Tensor, tf.Tensor]]) -> list[tf.Tensor]:
        return [
            tf.matmul(left, right, transpose_a=mark == "a", transpose_b=mark == "b")
            for (left, right), mark in zip(pairs, marks, strict=True)
        ]

    multiply(pairs)
    gflop = 2e-9 * sum(rows * inner * columns for rows, inner, columns, _ in products)

    def measure() -> float:
        def turn(_thread: int) -> None:
            for _ in range(_TURNS):
                multiply(pairs)[-1].numpy()

        with ThreadPoolExecutor(threads) as pool:
            start_time = time.perf_counter()
            list(pool.map(turn, range(threads)))
            return threads * _TURNS * gflop / (time.perf_counter() - start_time)

    return measure


if __name__ == "__main__":
    main()
