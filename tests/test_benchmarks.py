"""The inner names of the library that benchmarks use are there."""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from tests.toy import toy_rows
from tfapp.config import ModelSettings
from tfapp.tasks.experiments import parse_experiment
from tfapp.tasks.models import build_model

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
WORKER = BENCHMARKS / "scale_data.py"


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
    process = subprocess.run(command, input="go\n", stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(process.stdout.splitlines()[-1])
    assert set(result["seconds"]) == {"read", "hash", "deduplicate", "split", "fingerprint", "tokenize"}
    assert sum(result["rows"].values()) == 120


def test_a_benchmark_that_was_ended_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    resumable = importlib.import_module("resumable")
    options = argparse.Namespace(output=tmp_path / "results.json", most=2, plan=True)
    calls: list[str] = []

    def measure(key: str) -> dict[str, object]:
        calls.append(key)
        return {"test": len(calls)}

    measurements = [
        resumable.Measurement(f"set/{n}", "training", 60.0, lambda n=n: measure(f"set/{n}")) for n in range(5)
    ]
    assert resumable.run_measurements(measurements, options) == {}
    assert "5 of 5 measurements left, about 5.0 hours" in capsys.readouterr().err
    options.plan = False
    resumable.run_measurements(measurements, options)
    # What one took is what is planned for the others.
    results = resumable.run_measurements(measurements, options)
    assert "3 of 5 measurements left, about 0.0 hours" in capsys.readouterr().err
    assert calls == ["set/0", "set/1", "set/2", "set/3"]
    assert [result["test"] for result in results.values()] == [1, 2, 3, 4]


def test_robustness_trains_by_settings_that_are_valid_and_compares_with_plain_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    robustness = importlib.import_module("robustness")
    parts = list(robustness.chosen_parts(["sst2", "tweets/fgm"], seeds=2))
    assert len(set(parts)) == len(parts) == 2 * (len(robustness.METHODS) + 1)
    costs = {name: method.cost for name, method in robustness.METHODS.items()}
    assert (costs["plain"], costs["sam"], costs["fgm"]) == (1, 2, pytest.approx(7 / 3))
    trainings = {"/".join(map(str, part)): parse_experiment(robustness.experiment(*part)).training for part in parts}
    # A method is alone: what the set's own file has of the kind is left out.
    assert (trainings["sst2/plain/0"].sam_rho, trainings["sst2/plain/0"].word_dropout) == (None, 0)
    assert (trainings["sst2/sam/1"].sam_rho, trainings["sst2/sam/1"].seed) == (0.05, 1)
    assert trainings["tweets/fgm/0"].fgm_epsilon == 1
    assert trainings["sst2/neighbours/0"].augment.kinds == ("neighbours",)
    # A bit a text: the first ten texts are wrong, or the first two.
    score = {"accuracy": {"clean": 0.9}, "count": 100, "wrong": {"clean": "ffc0"}}
    better = {"accuracy": {"clean": 0.98}, "count": 100, "wrong": {"clean": "c000"}}
    _, rows = robustness.table({"sst2/plain/0": score, "sst2/sam/0": better})
    assert rows == [("sst2", "plain", "1", "90.0"), ("sst2", "sam", "1", "98.0 (+8.0 +)")]


def test_small_sets_are_drawn_alike_in_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    drawn_sets = importlib.import_module("drawn_sets")
    (tmp_path / "banking77").mkdir()
    for split, texts in (("train", 40), ("test", 3)):
        rows = [f'"{split}, {intent} {text}",intent {intent}' for intent in range(30) for text in range(texts)]
        (tmp_path / "banking77" / f"{split}.csv").write_text("\n".join(["text,category", *rows]) + "\n")
    files = drawn_sets.write_set("banking77-25-intents", tmp_path, tmp_path / "sets")
    tables = [list(csv.DictReader(file.open())) for file in files]
    counts, test_counts = (Counter(row["label"] for row in table) for table in tables)
    assert (len(counts), set(counts.values()), set(test_counts.values())) == (25, {10}, {3})
    assert counts.keys() == test_counts.keys()
    assert all(f", {row['label'].removeprefix('intent ')} " in row["text"] for table in tables for row in table)
    first = [file.read_bytes() for file in files]
    drawn_sets.write_set("banking77-25-intents", tmp_path, tmp_path / "sets")
    assert [file.read_bytes() for file in files] == first
    drawn_sets.write_set("banking77-imbalanced", tmp_path, tmp_path / "sets")
    uneven_counts = Counter(
        row["label"] for row in csv.DictReader((tmp_path / "sets/banking77-imbalanced-train.csv").open())
    )
    # No intent has more than its 40 texts.
    assert (len(uneven_counts), min(uneven_counts.values()), max(uneven_counts.values())) == (20, 5, 40)


def test_the_best_on_dev_of_random_settings_is_compared_with_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("random_settings")
    lines = ["text,label", *(f"{row['text']},{row['label']}" for row in toy_rows(300))]
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    files = [str(tmp_path / f"{name}.csv") for name in ("train", "test")]
    draws = list(benchmark.random_experiments(*files, 20))
    assert draws == list(benchmark.random_experiments(*files, 20))
    assert len({str(parameters) for parameters, _ in draws}) == 20
    assert {experiment.training.adapt for _, experiment in draws} == {"all", "head"}
    assert all((experiment.data.train, experiment.data.test) == tuple(files) for _, experiment in draws)
    assert {experiment.training.sam_rho for _, experiment in draws} == {None, 0.05}
    heads = [experiment for _, experiment in draws if experiment.training.adapt == "head"]
    assert {experiment.training.sam_rho for experiment in heads} == {None}
    score = {"count": 10, "seconds": 60.0}
    results = {
        "editorials-200/default": {**score, "dev": 0.5, "test": 0.9, "wrong": [0]},
        "editorials-200/0": {**score, "dev": 0.6, "test": 1.0, "wrong": []},
        "editorials-200/1": {**score, "dev": 0.7, "test": 0.7, "wrong": [0, 1, 2]},
        "editorials-200/2": {**score, "dev": 0.7, "test": 0.8, "wrong": [1, 2]},
    }
    (row,) = benchmark.table(results)
    assert row[:4] == ("editorials-200", "10", "90.0", "70.0")
    assert row[4].startswith("+20.0 (")
    assert row[5:] == ("0.500", "2 with 75.0", "3 with 83.3", "1.0, 3.0")


def test_unknown_intents_are_drawn_and_scored_as_textoir_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("unknown_intents")
    intents = np.repeat(np.arange(77), 20)
    for ratio, known_count in ((0.25, 19), (0.5, 38), (0.75, 58)):
        part = benchmark.draw(intents, ratio, 1)
        assert np.sum(part.classes >= 0) == known_count
        assert len(part.train) + len(part.dev) == 20 * known_count
        assert not np.intersect1d(part.train, part.dev).size
    part = benchmark.draw(intents, 0.5, 1, learnt_ratio=0.5)
    assert np.unique(part.classes[intents[part.train]]).tolist() == list(range(19))
    assert benchmark.OPEN in part.classes[intents[part.dev]]
    random = np.random.default_rng(0)
    targets, predictions = random.integers(-1, 5, 200), random.integers(-1, 5, 200)
    figures = benchmark.textoir_figures(targets, predictions)
    f1 = f1_score(targets, predictions, average=None)
    assert figures["accuracy"] == pytest.approx(np.mean(targets == predictions))
    assert [figures[name] for name in ("f1", "f1_known", "f1_open")] == pytest.approx([f1.mean(), f1[1:].mean(), f1[0]])
    assert figures["known_refused"] == pytest.approx(np.mean(predictions[targets >= 0] == -1))


def test_trainings_of_adapters_that_are_finished_are_shown_and_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "sst2").mkdir()
    for name in ("train", "dev"):
        (tmp_path / "sst2" / f"{name}.tsv").write_text("a text\t1\n")
    figures = {"test": 0.875, "trained_weights": 1500, "weights": 100_000, "adapter_kb": 6, "seconds": 7200.0}
    figures |= {"processor_seconds": 99.0, "peak_mb": 700}
    # The rate that is best on dev is shown.
    trainings = {
        f"sst2; DoRA; {rate}; seed 0": {**figures, "dev": dev}
        for rate, dev in ((0.0005, 0.7), (0.001, 0.9), (0.002, 0.8))
    }
    report = {"conditions": {"train_rows": 2000, "rank": 5, "set": []}, "trainings": trainings}
    (tmp_path / "adapters.json").write_text(json.dumps(report))
    command = [sys.executable, str(BENCHMARKS / "adapters.py"), "--data", str(tmp_path), "--part", "sst2"]
    command += ["--ways", "DoRA", "--output", str(tmp_path / "adapters.json")]
    plan = subprocess.run([*command, "--plan", "--seeds", "3"], stdout=subprocess.PIPE, text=True, check=True)
    assert plan.stdout == "sst2: 2 trainings left, about 0.0 hours\n"
    table = subprocess.run([*command, "--seeds", "1"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    row = ["sst2", "DoRA", "0.001", "87.50", "87.50", "87.50", "90.00", "1,500", "1.50%", "6", "7200", "99", "700"]
    start = table.index("sst2")
    assert table[start : start + len(row)] == row
    assert " ".join(table[start + len(row) :]) == "6.00 hours in all"


@pytest.mark.parametrize(
    ("flags", "name", "aims"),
    [
        ("fma avx avx2", "AVX2", "AVX2"),
        ("avx2 avx512f avx512_vnni", "AVX-512", "AVX-512"),
        ("avx2 avx512f avx512_bf16", "AVX-512 with bf16", "AVX-512 with bf16"),
        ("avx2 avx512f avx512_bf16 amx_bf16 amx_tile", "AMX", "AVX-512 with bf16"),
        ("sse2", "other", "other"),
    ],
)
def test_a_processor_has_the_class_of_its_widest_products(
    monkeypatch: pytest.MonkeyPatch, flags: str, name: str, aims: str
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    processor = importlib.import_module("processor")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    info = (
        f"processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: {flags}\n\nflags: avx2\n"
    )
    assert processor.describe_processor(info) == {"class": name, "name": "AMD EPYC, cpu family 25, model 1"}
    assert processor.aims_class(name) == aims
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert processor.processor_class(info) == "arm64"


def test_speed_is_compared_with_the_aims_of_the_processors_class_and_the_best_peers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    report = importlib.import_module("inference_report")
    mix = {
        "tfapp float32": [240.0, 250.0, 260.0],
        "tfapp bfloat16": [300.0, 300.0, 300.0],
        "ONNX Runtime float32": [100.0, 100.0, 100.0],
        "CTranslate2 float32, two at once": [125.0, 125.0, 125.0],
        # Sorted texts, and answers of which too many have another label, are other aims' or nobody's peers.
        "OpenVINO float32, sorted": [200.0, 200.0, 200.0],
        "ONNX Runtime int8": [400.0, 400.0, 400.0],
        "CTranslate2 int8": [150.0, 150.0, 150.0],
    }
    figures = {
        "environment": {"processor": {"class": "AVX2", "name": "AMD EPYC"}},
        "head": "random",
        "streams": {"mix": mix},
        "one_text_ms": {"tfapp float32": [3.0, 3.0, 3.0], "ONNX Runtime float32": [2.0, 2.0, 2.0]},
        "first_texts": {"first": [3.0, 3.0, 3.0], "once warm": [2.0, 2.0, 2.0]},
        "agreement": {name: {"same_label": 0.97 if "Runtime int8" in name else 1.0} for name in mix},
        "rate": {},
        "served": {"4 callers of 1 text": {"tfapp float32": [1.0, 1.0, 1.0]}},
        "memory": [(0, 500.0)],
        "unavailable": {"OpenVINO int8": "no such kernel"},
    }

    def results(name: str) -> dict[tuple[str, str, str], tuple[float, float | None, bool | None]]:
        figures["environment"] = {"processor": {"class": name, "name": "AMD EPYC"}}
        rows = report.compare_with_targets(figures)["targets"]
        return {
            (row["measure"], row["ours"], row["theirs"]): (row["ratio"]["median"], row["bound"], row["met"])
            for row in rows
        }

    float32, peer = "tfapp float32", "ONNX Runtime float32"
    on_avx2 = results("AVX2")
    assert on_avx2["mix, in process", float32, peer] == (2.5, 2.4, True)
    assert on_avx2["mix, in process", "tfapp bfloat16", peer] == (3.0, None, None)
    assert on_avx2["mix, to the fastest peer", float32, "CTranslate2 float32, two at once"] == (2.0, 2.0, True)
    best = "mix, best precision to the fastest int8 peer that keeps 98.5 % of the labels"
    assert on_avx2[best, "tfapp bfloat16", "CTranslate2 int8"] == (2.0, 1.5, True)
    assert on_avx2["one short text, in process", float32, peer] == (1.5, 1.2, False)
    whatever = "mix, best precision to the fastest int8 peer, whatever it keeps"
    assert on_avx2[whatever, "tfapp bfloat16", "ONNX Runtime int8"] == (0.75, None, None)
    assert on_avx2["first 256 texts of a process, seconds", "first", "once warm"] == (1.5, 2.0, True)
    # Nobody was there to be compared with.
    assert not [key for key in on_avx2 if "callers" in key[0]]
    assert results("AMX")["mix, in process", float32, peer] == (2.5, 3.3, False)
    assert results("AVX-512")["mix, in process", float32, peer] == (2.5, None, None)
    figures["agreement"]["CTranslate2 int8"]["same_label"] = 0.98
    (row,) = [row for row in report.compare_with_targets(figures)["targets"] if row["measure"] == best]
    assert (row["theirs"], row["ratio"], row["met"]) == ("none", None, None)
    report.print_report(report.compare_with_targets(figures))
    printed = capsys.readouterr().out
    assert printed.startswith("processor: AVX-512 (AMD EPYC); output layer: random\n")
    assert "cannot run: no such kernel" in printed
    assert "missed" not in printed


@pytest.mark.parametrize(("data", "bound", "met"), [("bbc-news", 0.8, False), ("sst2", None, None)])
def test_a_training_is_compared_with_the_products_of_its_layers(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: str,
    bound: float | None,
    met: bool | None,
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    report = importlib.import_module("training_report")
    turn = {"tokens": 1000, "seconds": 2.0, "cpu_seconds": 4.0, "steps": 4}
    figures = {
        "environment": {"processor": {"class": "AVX2", "name": "AMD EPYC"}},
        "peak_tflops": None,
        "work": {data: {"batch_size": 16, "mean_length": 128, "mflop_a_token": 600.0, "layers_mflop_a_token": 500.0}},
        "turns": {data: {"tfapp float32": [turn], "tfapp auto": [turn]}},
        "products_tflops": {data: 0.5},
    }
    compared = report.compare_with_targets(figures)
    assert compared["shares"] == [
        {"data": data, "tflops": 0.25, "products_tflops": 0.5, "share": 0.5, "bound": bound, "met": met}
    ]
    report.print_report(compared)
    assert ("missed" in capsys.readouterr().out) is (met is False)
