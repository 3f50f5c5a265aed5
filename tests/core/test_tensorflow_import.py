"""TensorFlow's start-up noise is dropped; what a user must read is not."""

from __future__ import annotations

import os

import pytest

from tfapp.core.tensorflow_import import import_tensorflow, without_noise

NOISE = [
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR",
    "I0000 00:00:1763800000.123456    4242 port.cc:153] oneDNN custom operations are on.",
    "W0000 00:00:1763800000.123456    4242 gpu_device.cc:2431] Cannot dlopen some GPU libraries.",
    "2026-01-01 10:00:00.0: I external/xla/cuda_check.cc:31] Could not find cuda drivers on your machine",
    "This TensorFlow binary is optimized to use available CPU instructions in performance-critical operations.",
    "To enable the following instructions: AVX2 FMA, in other operations, rebuild TensorFlow.",
]
NEWS = [
    "E0000 00:00:1763800000.123456    4242 cuda.cc:31] failed call to cuInit",
    "Traceback (most recent call last):",
    "disk quota exceeded",
]


def test_noise_is_dropped_and_news_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with without_noise():
        for line in [*NOISE, *NEWS, ""]:
            os.write(2, f"{line}\n".encode())
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err.splitlines() == NEWS
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_news_is_passed_on_when_the_block_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with without_noise():
            os.write(2, b"disk quota exceeded\n")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert capfd.readouterr().err == "disk quota exceeded\n"


def test_a_second_import_leaves_standard_error_alone(capfd: pytest.CaptureFixture[str]) -> None:
    import_tensorflow()
    os.write(2, b"before\n")
    import_tensorflow()
    assert capfd.readouterr() == ("", "before\n")
