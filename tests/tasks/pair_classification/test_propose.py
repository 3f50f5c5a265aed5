"""The settings that are proposed for a file of labelled pairs of texts."""

from __future__ import annotations

from pathlib import Path

from tests.pair_files import PAIR_ROWS, pair_texts, propose_for_pairs


def test_spellings_of_a_relation_are_merged_and_none_of_these_is_one(tmp_path: Path) -> None:
    labels = ["same", "Same", "other", "opposite"] * (PAIR_ROWS // 4)
    proposal = propose_for_pairs(tmp_path, {"text1": pair_texts(1), "text2": pair_texts(2), "relation": labels})
    assert (proposal.data["label"], proposal.data["merge_labels"]) == ("relation", True)
    assert "unknown_label" not in proposal.data
    assert 'task = "ranking" would order the candidates of a query' not in proposal.notes
    unknown_proposal = propose_for_pairs(
        tmp_path, {"text1": pair_texts(1)[:8] * 5, "text2": pair_texts(2), "relation": labels}
    )
    assert 'task = "ranking" would order the candidates of a query' in unknown_proposal.notes
