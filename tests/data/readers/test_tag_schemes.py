"""Tag schemes: told apart over a whole file, turned into entities, illegal tags named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from tfapp.data.readers.tag_schemes import TagScheme, WordSpan, bad_tags, detect_scheme, parse_tag, tags_to_entities


@st.composite
def sentences(draw: st.DrawFn) -> tuple[int, list[WordSpan]]:
    """A length, and entities in it."""
    length, entities = 0, []
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["per", "new-york", "x"])), max_size=5)
    ):
        entities.append((length + gap, length + gap + size - 1, label))
        length += gap + size
    return length + draw(st.integers(0, 2)), entities


def write(length: int, entities: list[WordSpan], scheme: str) -> list[str]:
    tags, last_entity = ["O"] * length, (-2, -2, "")
    for first, last, label in entities:
        follows_own = last_entity[1] == first - 1 and last_entity[2] == label
        letters = {
            "IOB1": ["B" if follows_own else "I", *"I" * (last - first)],
            "IOB2": ["B", *"I" * (last - first)],
            "BIOES": ["S"] if first == last else ["B", *"I" * (last - first - 1), "E"],
            "BILOU": ["U"] if first == last else ["B", *"I" * (last - first - 1), "L"],
            "BMES": ["S"] if first == last else ["B", *"M" * (last - first - 1), "E"],
        }[scheme]
        tags[first : last + 1] = [f"{letter}-{label}" for letter in letters]
        last_entity = (first, last, label)
    return tags


@given(st.lists(sentences(), max_size=4), st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU", "BMES"]))
def test_what_was_written_is_read(rows: list[tuple[int, list[WordSpan]]], scheme: str) -> None:
    tag_rows = [[parse_tag(tag) for tag in write(*row, scheme)] for row in rows]
    detection = detect_scheme(tag_rows)
    assert [tags_to_entities(tags) for tags in tag_rows] == [entities for _, entities in rows]
    assert [tag for tags in tag_rows for tag in bad_tags(tags, detection)] == []
    entities = [entity for _, row_entities in rows for entity in row_entities]
    if entities:
        assert detection == {"BILOU": "BIOES", "BMES": "BIOES"}.get(scheme, scheme)


def test_a_scheme_shows_in_the_whole_file() -> None:
    # Alone, the first sentence could be IOB2 with a wrong tag.
    first = [parse_tag(tag) for tag in ("I-a", "B-a", "O")]
    assert detect_scheme([first]) == "IOB1"
    free_b = [parse_tag(tag) for tag in ("O", "B-a")]
    assert detect_scheme([first, free_b]) == "IOB2"
    assert list(bad_tags(first, "IOB2")) == [(0, "the tag I-a begins the sentence; in IOB2 an entity begins with B-a")]
    # One word that breaks it hides no scheme.
    assert detect_scheme([first, *[[parse_tag("I-a")]] * 5, free_b]) == "IOB1"
    ends = [parse_tag(tag) for tag in ("B-a", "I-a", "O", "B-b", "S-b")]
    assert detect_scheme([free_b, ends, free_b]) == "IOB2"


TAGS = ["O", "B-a", "I-a", "E-a", "S-a", "B-b", "I-b", "E-b", "S-b"]


@given(st.lists(st.sampled_from(TAGS), max_size=8))
def test_any_tags_are_read_as_conlleval_reads_them(tags: list[str]) -> None:
    expected = [(start, end, label) for label, start, end in get_entities(tags)]
    assert tags_to_entities([parse_tag(tag) for tag in tags]) == expected


@given(st.lists(st.sampled_from(TAGS), max_size=8), st.sampled_from(["IOB1", "IOB2", "BIOES"]))
def test_tags_are_bad_where_what_was_read_would_be_written_in_others(tags: list[str], scheme: TagScheme) -> None:
    pairs = [parse_tag(tag) for tag in tags]
    result = write(len(tags), tags_to_entities(pairs), scheme)
    assert bool(list(bad_tags(pairs, scheme))) == (result != tags)


@pytest.mark.parametrize(
    ("tags", "place", "message"),
    [
        ("B-a O I-a", 2, "the tag I-a follows O; in IOB2"),
        ("B-a I-b", 1, "the tag I-b follows B-a; in IOB2"),
        ("S-a I-a E-a", 1, "the tag I-a follows S-a; in BIOES an entity begins with B-a or is S-a"),
        (
            "B-a O S-a",
            0,
            "the tag B-a is followed by no word of its entity; in BIOES an entity ends with E-a or is S-a",
        ),
        ("S-b B-a I-a", 2, "the tag I-a is followed by no word of its entity; in BIOES"),
        ("B-a B-a E-a", 0, "the tag B-a is followed by B-a; in BIOES"),
        ("O E-a", 1, "the tag E-a follows O"),
    ],
)
def test_an_illegal_tag_is_named_with_its_place(tags: str, place: int, message: str) -> None:
    pairs = [parse_tag(tag) for tag in tags.split()]
    first = next(bad_tags(pairs, detect_scheme([pairs])))
    assert first.position == place
    assert message in first.reason


@pytest.mark.parametrize("tag", ["", "o", "person", "B", "B-", "B- ", "X-person", "b-person", "-person", "O-x"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="expected a tag such as O, B-person or I-person, got"):
        parse_tag(tag)
