"""The moving average of the weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfapp.training.ema import WeightAverage

STEPS = 8  # from one point to the next


def reference(values: list[float], decay: float) -> float:
    """Returns what TensorFlow's own average of one number comes to."""
    variable = tf.Variable(values[0])
    average = tf.train.ExponentialMovingAverage(decay, num_updates=0)
    average.apply([variable])
    for number, value in enumerate(values[1:], start=1):
        variable.assign(value)
        average._num_updates = number
        average.apply([variable])
    return float(average.average(variable))


@pytest.mark.parametrize("decay", [0.5, 0.99, 0.9999])
def test_it_averages_as_tensorflow_does(decay: float) -> None:
    values = [3.0, -1.0, 4.0, 1.0, -5.0, 9.0]
    variable = keras.Variable(100.0)
    average = WeightAverage([variable], decay ** (1 / STEPS))
    for number, value in enumerate(values, start=1):
        variable.assign(value)
        average.update(number * STEPS, last=False)
    np.testing.assert_allclose(average.averages[0].numpy(), reference(values, decay), rtol=1e-5)


def test_steps_between_two_points_are_left_out_but_for_an_epoch_s_last() -> None:
    variable = keras.Variable([1.0])
    average = WeightAverage([variable], 0.9)
    variable.assign([5.0])
    average.update(STEPS - 1, last=False)
    np.testing.assert_array_equal(average.averages[0].numpy(), [1.0])
    average.update(STEPS - 1, last=True)
    np.testing.assert_array_equal(average.averages[0].numpy(), [5.0])


def test_the_network_has_the_averages_inside_the_block_only() -> None:
    variable = keras.Variable([1.0])
    average = WeightAverage([variable], 0.9)
    variable.assign([5.0])
    values = []

    def evaluate() -> None:
        with average.averaged_weights():
            values.append(variable.numpy().tolist())
            raise ValueError("the evaluation failed")

    with pytest.raises(ValueError, match="evaluation"):
        evaluate()
    assert (values, variable.numpy().tolist()) == ([[1.0]], [5.0])
