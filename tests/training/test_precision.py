"""The precision follows setting and device, and rewrites nothing but the training step."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from tfapp.training import StepPrecision, choose_precision

PLAIN, POLICY, REWRITE = StepPrecision(), StepPrecision("mixed_bfloat16"), StepPrecision(rewrite=True)


@pytest.mark.parametrize(
    ("name", "gpu", "flags", "expected"),
    [
        ("auto", True, [], POLICY),
        ("auto", False, ["avx2", "avx512_bf16"], REWRITE),
        ("auto", False, ["amx_bf16"], REWRITE),
        ("auto", False, ["avx2", "avx512f"], PLAIN),
        ("float32", True, ["avx512_bf16"], PLAIN),
        ("mixed_bfloat16", True, [], POLICY),
        ("mixed_bfloat16", False, [], REWRITE),
    ],
)
def test_it_follows_setting_and_device(name: Any, gpu: bool, flags: list[str], expected: StepPrecision) -> None:
    assert choose_precision(name, gpu=gpu, flags=frozenset(flags)) == expected


@pytest.mark.usefixtures("graph_optimizer")
@pytest.mark.parametrize("precision", [PLAIN, REWRITE])
def test_outside_the_block_nothing_is_rewritten(precision: StepPrecision) -> None:
    x = tf.random.stateless_normal([64, 64], seed=[1, 2])

    @tf.function
    def product(a: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.matmul(a, a))

    exact = tf.nn.relu(tf.matmul(x, x))
    with precision.scope():
        inside = product(x)
    tf.debugging.assert_near(inside, exact, atol=0.5)
    tf.debugging.assert_near(product(x), exact, atol=1e-4)
