"""What benchmarks take of the library by its inner names is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.toy import toy_rows
from tfapp.config import ModelSettings
from tfapp.tasks.models import build_model

WORKER = Path(__file__).parents[1] / "benchmarks" / "scale_data.py"


@pytest.mark.slow
def test_each_stage_of_loading_is_measured(shallow_preset: Path, tmp_path: Path) -> None:
    model = build_model(
        "classification", ModelSettings(preset=str(shallow_preset), max_length=16), ["money", "sport", "tech"]
    )
    (tmp_path / "model").mkdir()
    model.save(tmp_path / "model")
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in toy_rows(120))]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    command = [sys.executable, str(WORKER), str(tmp_path / "model"), str(tmp_path / "a.csv")]
    done = subprocess.run(command, input="go\n", stdout=subprocess.PIPE, text=True, check=True)
    measured = json.loads(done.stdout.splitlines()[-1])
    assert set(measured["seconds"]) == {"read", "hash", "deduplicate", "split", "fingerprint", "tokenize"}
    assert sum(measured["rows"].values()) == 120
