"""Loading: cleaning, splitting and the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.text_classes import describe, load, load_table
from tfapp.assets import Asset
from tfapp.assets.entries import Archive
from tfapp.config import DataSettings
from tfapp.data import Splits, find_overlap, normalize_text
from tfapp.errors import DataError
from tfapp.tasks.registry import find_task

LabelledRow = tuple[str, Any]


def _save(path: Path, rows: list[LabelledRow]) -> str:
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def _many(count: int = 200, start: int = 0) -> list[LabelledRow]:
    return [(f"text number {index}", "ab"[index % 2]) for index in range(start, start + count)]


def _kinds(splits: Splits) -> dict[str, int]:
    return {finding.kind: finding.count for finding in splits.report.findings}


def _sides(splits: Splits) -> dict[str, str]:
    return {text: side for side in ("train", "dev", "test") for text in getattr(splits, side)["text"].to_pylist()}


def test_splits_cover_all_rows_once_and_report_shares(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", _many())))
    assert sum(splits.report.rows.values()) == 200
    assert len(_sides(splits)) == 200
    assert splits.labels == ("a", "b")
    assert splits.train.column_names == ["text", "label", "row", "file"]
    assert splits.train["file"].to_pylist()[0] == str(tmp_path / "a.jsonl")
    for side, shares in splits.report.label_shares().items():
        assert sum(shares.values()) == pytest.approx(1)
        assert splits.report.rows[side] == sum(splits.report.label_counts[side].values())
    assert json.loads(json.dumps(splits.report.to_dict()))["rows_read"] == {str(tmp_path / "a.jsonl"): 200}


def test_adding_rows_moves_no_old_row(tmp_path: Path) -> None:
    sides = _sides(load(DataSettings(train=_save(tmp_path / "a.jsonl", _many()))))
    new_sides = _sides(load(DataSettings(train=_save(tmp_path / "a.jsonl", _many(100, 500) + _many()))))
    assert {text: new_sides[text] for text in sides} == sides
    sides_by_seed = _sides(load(DataSettings(train=str(tmp_path / "a.jsonl"), split_seed=1)))
    assert any(sides_by_seed[text] != side for text, side in new_sides.items())


def test_share_of_dev_does_not_move_test(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", _many())
    sides_of_10, sides_of_30 = (_sides(load(DataSettings(train=name, dev_share=share))) for share in (0.1, 0.3))
    assert [t for t, side in sides_of_10.items() if side == "test"] == [
        t for t, side in sides_of_30.items() if side == "test"
    ]


def test_problems_are_dropped_and_named(tmp_path: Path) -> None:
    bad_rows: list[LabelledRow] = [
        ("\u200b ", "a"),
        ("no label", None),
        ("once", "rare"),
        ("text  number 0", "a"),
        ("text number 1", "a"),
    ]
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", _many() + bad_rows)))
    assert _kinds(splits) == {
        "empty_text": 1,
        "missing_label": 1,
        "single_label": 1,
        "duplicate": 1,
        "conflicting_duplicate": 1,
    }
    assert {finding.kind: finding.rows for finding in splits.report.findings}["single_label"] == (203,)
    assert '"rare"' in next(f.message for f in splits.report.findings if f.kind == "single_label")
    assert sum(splits.report.rows.values()) == 200


@pytest.mark.parametrize(
    ("setting", "row"),
    [("on_empty_text", ("  ", "a")), ("on_missing_label", ("x", None)), ("on_single_label", ("x", "rare"))],
)
def test_problems_fail_where_the_settings_say_so(tmp_path: Path, setting: str, row: LabelledRow) -> None:
    name = _save(tmp_path / "a.jsonl", [*_many(), row])
    with pytest.raises(DataError, match=rf'line 201\).*data\.{setting} = "drop"'):
        load(DataSettings.model_validate({"train": name, setting: "fail"}))


def test_no_text_of_a_given_test_or_dev_is_trained_on(tmp_path: Path) -> None:
    train = _save(tmp_path / "train.jsonl", _many(100))
    dev = _save(tmp_path / "dev.jsonl", [("text number 1 ", "b"), ("text number 2", "a"), ("new", "a"), ("newer", "b")])
    test = _save(tmp_path / "test.jsonl", [("TEXT", "a"), ("text number  2", "a"), ("text\u00a0number 3", "b")])
    splits = load(DataSettings(train=train, dev=dev, test=test))
    assert splits.report.rows == {"train": 97, "dev": 4, "test": 3}
    sides = {normalize_text(text) for text in splits.train["text"].to_pylist()}
    assert not sides & {"text number 1", "text number 2", "text number 3"}
    overlaps = [(f.file, f.count, f.action) for f in splits.report.findings if f.kind == "overlap"]
    assert overlaps == [(dev, 1, "kept"), (train, 2, "dropped"), (train, 1, "dropped")]


def test_a_file_of_test_stays_as_it_is_and_its_overlap_is_found(tmp_path: Path) -> None:
    train = _save(tmp_path / "train.jsonl", [*_many(100), ("text number 0", "a")])
    repeats: list[LabelledRow] = [("new", "a"), ("new ", "a"), ("new", "b"), ("text number 5", "b"), ("other", "b")]
    test = _save(tmp_path / "test.jsonl", repeats)
    splits = load(DataSettings(train=train, test=test))
    assert splits.test["text"].to_pylist() == [text for text, _ in repeats]
    assert {f.kind: (f.file, f.count, f.action) for f in splits.report.findings if f.file == test} == {
        "duplicate": (test, 1, "kept"),
        "conflicting_duplicate": (test, 1, "kept"),
    }
    assert "text number 5" not in [*splits.train["text"].to_pylist(), *splits.dev["text"].to_pylist()]
    masks = find_overlap(splits.test, splits)
    assert masks.repeated.tolist() == [False, True, True, False, False]
    assert masks.left_out.tolist() == [False, False, False, True, False]
    assert not masks.learnt.any()
    assert not masks.chosen.any()
    unchanged_splits = load(DataSettings(train=train, test=test, on_overlap="keep", dev_share=0))
    assert unchanged_splits.report.rows == {"train": 100, "dev": 0, "test": 5}
    assert find_overlap(unchanged_splits.test, unchanged_splits).learnt.tolist() == [False, False, False, True, False]
    assert not find_overlap(unchanged_splits.test, unchanged_splits).left_out.any()


def test_the_dev_split_overlaps_others_but_not_itself(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "train.jsonl", _many(100))))
    assert not find_overlap(splits.dev, splits, on_dev=True).any.any()
    assert find_overlap(splits.dev, splits).chosen.all()
    assert find_overlap(splits.train, splits).learnt.all()
    assert not find_overlap(splits.test, splits).any.any()


def test_unseen_label_fails_or_is_dropped(tmp_path: Path) -> None:
    train = _save(tmp_path / "train.jsonl", _many(100))
    test = _save(tmp_path / "test.jsonl", [("p", "a"), ("q", "new"), ("r", "new")])
    with pytest.raises(DataError, match=r'test with a label that train lacks: "new" \(lines 2, 3\)'):
        load(DataSettings(train=train, test=test))
    splits = load(DataSettings(train=train, test=test, on_unseen_label="drop"))
    assert splits.report.rows["test"] == 1
    assert _kinds(splits) == {"unseen_label": 2, "absent_label": 1}
    assert splits.labels == ("a", "b")


def test_the_rows_of_a_label_that_all_fell_on_dev_or_test_are_learnt_from(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [*_many(), ("p", "rare"), ("q", "rare")])
    plain_sides = _sides(load(DataSettings(train=_save(tmp_path / "b.jsonl", _many()))))
    result = load(DataSettings(train=name, split_seed=0))
    sides = _sides(result)
    assert (sides["p"], sides["q"], result.labels) == ("train", "train", ("a", "b", "rare"))
    assert {text: sides[text] for text in plain_sides} == plain_sides
    assert result.train["row"].to_pylist() == sorted(result.train["row"].to_pylist())
    assert [finding.message for finding in result.report.findings if finding.kind == "rare_label"] == [
        f'{name}: 2 rows moved from dev to train, which had no other with the label: "rare" (lines 201, 202)'
    ]
    splits = load(DataSettings(train=name, split_seed=4))
    assert [finding.message for finding in splits.report.findings] == [
        f'{name}: dev lacks 1 of train\'s labels: "rare"'
    ]
    held_out = _save(tmp_path / "held.jsonl", [("r", "a"), ("s", "b")])
    assert load(DataSettings(train=name, dev=held_out, test=held_out)).labels == ("a", "b", "rare")


def test_any_few_rows_of_two_labels_are_split(tmp_path: Path) -> None:
    file = _save(tmp_path / "few.jsonl", [("p", "a"), ("q", "a"), ("r", "b"), ("s", "b")])
    for seed in range(20):
        splits = load(DataSettings(train=file, split_seed=seed))
        assert splits.labels == ("a", "b")
        assert min(splits.report.rows.values()) >= 1
        assert sum(splits.report.rows.values()) == 4
    smaller_file = _save(tmp_path / "two.jsonl", [("p", "a"), ("r", "b"), ("q", "a")])
    overlap_settings = DataSettings(train=smaller_file, test=file, on_overlap="keep", on_single_label="drop")
    assert load(overlap_settings).report.rows == {"train": 2, "dev": 1, "test": 4}
    with pytest.raises(DataError, match=r"no row fell on dev; add rows, or give a file with data\.dev"):
        load(overlap_settings.model_copy(update={"train": _save(tmp_path / "one.jsonl", [("p", "a"), ("r", "b")])}))


def test_pairs_of_a_query_stay_together_where_rows_are_moved(tmp_path: Path) -> None:
    schema = find_task("pair-classification").schema
    rows = [(f"query {index // 4}", f"candidate {index}", "yn"[index % 2]) for index in range(40)]
    rows += [("lonely", "one", "rare"), ("lonely", "other", "rare"), ("lonely", "third", "y")]
    lines = [json.dumps(dict(zip(("query", "candidate", "label"), row, strict=True))) + "\n" for row in rows]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    for seed in range(12):
        settings = schema.settings(train=str(tmp_path / "a.jsonl"), split_seed=seed)
        splits = load(settings, schema=schema)
        assert "rare" in splits.labels
        sides = [set(getattr(splits, side)["query"].to_pylist()) for side in ("train", "dev", "test")]
        assert sum(map(len, sides)) == len(set().union(*sides)) == 11


SPELLINGS = [("p 1", "Billing"), ("p 2", "Billing"), ("p 3", "billing"), ("p 4", "BILL  ING"), ("p 5", "ﬀee")]


def test_spellings_of_a_label_are_told_and_merged_by_setting(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [*_many(), *SPELLINGS, ("p 6", "Ffee")])
    plain_splits = load(DataSettings(train=name, dev_share=0, test_share=0, on_single_label="drop"))
    message = next(finding.message for finding in plain_splits.report.findings if finding.kind == "label_variant")
    assert message.endswith(
        '"billing" for "Billing", "ﬀee" for "Ffee"; data.merge_labels = true makes them one (lines 203, 205)'
    )
    assert plain_splits.labels == ("Billing", "a", "b")
    splits = load(DataSettings(train=name, merge_labels=True, dev_share=0, test_share=0))
    assert splits.report.label_counts["train"] == {"Billing": 3, "Ffee": 2, "a": 100, "b": 100}
    (description,) = (finding.message for finding in describe(name).findings if finding.kind == "label_variant")
    assert description == message


def test_a_file_of_dev_or_test_and_one_that_is_evaluated_get_the_spelling_of_train(tmp_path: Path) -> None:
    train = _save(tmp_path / "a.jsonl", _many())
    test = _save(tmp_path / "test.jsonl", [("p", "A"), ("q", "A"), ("r", "b "), ("s", "NONE")])
    settings = DataSettings(train=train, test=test, merge_labels=True, unknown_label="none")
    assert load(settings).report.label_counts["test"] == {"a": 2, "b": 1, "none": 1}
    table = load_table(test, settings, labels=("a", "b"))
    assert table["label"].to_pylist() == ["a", "a", "b", "none"]


def test_spellings_are_merged_in_lists_too(tmp_path: Path) -> None:
    rows: list[LabelledRow] = [(f"t {index}", [["a", "A"], ["A ", "b"], ["a"]][index % 3]) for index in range(60)]
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", rows), merge_labels=True), multi_label=True)
    assert splits.labels == ("A", "b")
    assert all(len(set(labels)) == len(labels) for labels in splits.train["label"].to_pylist())


def test_a_label_for_none_of_these_is_told(tmp_path: Path) -> None:
    for label, expected in (("Out-of-Scope", True), ("nonesuch", False)):
        name = _save(tmp_path / "a.jsonl", [*_many(), *[(f"n {index}", label) for index in range(9)]])
        messages = [finding.message for finding in describe(name).findings if finding.kind == "unknown_label"]
        assert [f'set data.unknown_label = "{label}"' in message for message in messages] == [True] * expected
        assert not describe(name, DataSettings(train=name, unknown_label=label)).count("unknown_label")


def test_a_label_that_a_given_file_lacks_is_a_finding(tmp_path: Path) -> None:
    train = _save(tmp_path / "train.jsonl", _many(100))
    test = _save(tmp_path / "test.jsonl", [("p", "a")])
    splits = load(DataSettings(train=train, test=test))
    (finding,) = splits.report.findings
    assert (finding.kind, finding.file, finding.action) == ("absent_label", test, "kept")


def test_one_label_or_no_rows_cannot_be_learnt(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='only the label "a"'):
        load(DataSettings(train=_save(tmp_path / "a.jsonl", [(f"t{index}", "a") for index in range(50)])))
    with pytest.raises(DataError, match="no rows are left"):
        load(DataSettings(train=_save(tmp_path / "a.jsonl", [("", "a"), (" ", "b")])))


def test_multi_label_splits(tmp_path: Path) -> None:
    rows: list[LabelledRow] = [(f"text {index}", [["a"], ["a", "b"], [], ["b"]][index % 4]) for index in range(200)]
    rows += [("lonely", ["rare", "pair"]), ("second", ["pair"])]
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", rows)), multi_label=True)
    assert splits.multi_label
    assert splits.labels == ("a", "b")
    # Dropping "lonely" leaves "pair" with one text.
    assert [f.rows for f in splits.report.findings if f.kind == "single_label"] == [(201,), (202,)]
    assert sum(splits.report.rows.values()) == 200
    assert sum(counts["a"] for counts in splits.report.label_counts.values()) == 100
    assert "a, b" in splits._repr_html_()


def test_fingerprint_is_of_the_rows_not_the_place(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", _many())
    copy = tmp_path / "elsewhere.jsonl"
    shutil.copy(name, copy)
    first = load(DataSettings(train=name))
    assert len(first.fingerprint) == 64
    assert load(DataSettings(train=str(copy))).fingerprint == first.fingerprint
    assert load(DataSettings(train=name, split_seed=7)).fingerprint != first.fingerprint
    assert (
        load(DataSettings(train=_save(copy, [*_many()[:-1], ("text number 199", "a")]))).fingerprint
        != first.fingerprint
    )


def test_a_table_to_evaluate_on_keeps_repeated_texts(tmp_path: Path) -> None:
    name = _save(tmp_path / "a.jsonl", [("x", "a"), ("x", "a"), (" ", "a"), ("y", None), ("z", "new")])
    with pytest.raises(DataError, match=r'label that the model does not know: "new" \(line 5\)'):
        load_table(name, DataSettings(train="any"), labels=["a", "b"])
    lenient = DataSettings(train="any", on_unseen_label="drop")
    assert load_table(name, lenient, labels=["a", "b"])["row"].to_pylist() == [1, 2]
    with pytest.raises(DataError, match="no rows are left to evaluate on"):
        load_table(name, lenient, labels=["c"])


def test_html_is_escaped(tmp_path: Path) -> None:
    splits = load(DataSettings(train=_save(tmp_path / "a.jsonl", [(f"<b>{text}", label) for text, label in _many()])))
    assert "<b>" not in splits._repr_html_()
    assert "&lt;b&gt;" in splits._repr_html_()


def _catalogue(**data: Any) -> dict[str, Asset]:
    archive = Archive("x==1", "x.whl", "0" * 64, 1)
    return {"films": Asset("films", "dataset", "", "", "", "", archive, 1, "none", data=data)}


def test_a_data_set_by_name_brings_its_own_settings(tmp_path: Path) -> None:
    lines = [json.dumps({"review": f"film {index}", "rating": index % 5 - 2}) + "\n" for index in range(200)]
    (tmp_path / "data.jsonl").write_text("".join(lines), encoding="utf-8")
    catalogue = _catalogue(text="review", rating={"column": "rating", "neutral_within": 0.5})

    def pull(name: str) -> Path:
        assert name == "films"
        return tmp_path

    def counts(**values: Any) -> dict[str, int]:
        settings = DataSettings.model_validate({"train": "films", **values})
        return dict(describe("films", settings, pull=pull, catalogue=catalogue).labels)

    assert counts() == {"negative": 80, "neutral": 40, "positive": 80}
    assert counts(rating={"neutral_within": 1}) == {"negative": 40, "neutral": 120, "positive": 40}
    assert counts(label="rating", encoding="latin-1") == {"-1": 40, "-2": 40, "0": 40, "1": 40, "2": 40}
    with pytest.raises(DataError, match='did you mean "films"'):
        load(DataSettings(train="filns"), pull=pull, catalogue=catalogue)


def test_a_path_wins_over_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for label in "ab":
        (tmp_path / "films" / label).mkdir(parents=True)
        for index in range(60):
            (tmp_path / "films" / label / f"{index}.txt").write_text(f"{label} {index}")
    splits = load(DataSettings(train="films"), pull=pytest.fail, catalogue=_catalogue())
    assert sum(splits.report.rows.values()) == 120


def test_progress_counts_rows(tmp_path: Path) -> None:
    progress: list[int] = []
    load(
        DataSettings(train=_save(tmp_path / "a.jsonl", _many())), on_progress=lambda *counts: progress.append(counts[0])
    )
    assert progress == [200]
