"""Windows that overlap: they hold every token, and each is taken from where it is nearest to a middle."""

from __future__ import annotations

import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfapp.tasks.tagging.windows import join_windows, overlap_windows


@settings(max_examples=40)
@given(st.lists(st.integers(0, 40), max_size=5), st.sampled_from([3, 4, 6, 10, 12]))
def test_windows_overlap_and_give_each_token_once(lengths: list[int], window: int) -> None:
    rows = [[1000, *range(row * 50, row * 50 + length), 2000] for row, length in enumerate(lengths)]
    ids = tf.RaggedTensor.from_row_lengths([token for row in rows for token in row], [len(row) for row in rows])
    windows = overlap_windows(tf.cast(ids, tf.int32), window)
    assert all(len(ids) <= window and ids[0] == 1000 and ids[-1] == 2000 for ids in windows.ids.to_list())
    values = tf.cast(windows.ids.to_tensor(), tf.float32)[:, :, None]
    joined_values = join_windows(values, windows).numpy()[:, :, 0]
    for row, tokens in enumerate(rows):
        assert joined_values[row, 1 : len(tokens) - 1].tolist() == tokens[1:-1]
    overlap = (window - 2) // 4
    for window_ids, begin, size in zip(
        windows.ids.to_list(), windows.begin.numpy(), windows.sizes.numpy(), strict=True
    ):
        # What a window has not at an end of the text is at least half of what windows share away from its ends.
        inner = window_ids[1:-1]
        first, last = inner[:1], inner[-1:]
        if first and first[0] % 50:
            assert begin - 1 >= overlap // 2
        if last and last[0] % 50 != lengths[last[0] // 50] - 1:
            assert len(inner) - (begin - 1 + size) >= overlap // 2
