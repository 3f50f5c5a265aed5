"""Tag schemes: told apart over a whole file, turned into entities, illegal tags named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfapp.data.tag_schemes import TagError, detect_scheme, parse_tag, to_entities

Entity = tuple[int, int, str]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[int, list[Entity]]:
    """A length, and entities in it."""
    length, entities = 0, []
    for gap, size, label in draw(
        st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(["per", "new-york", "x"])), max_size=5)
    ):
        entities.append((length + gap, length + gap + size - 1, label))
        length += gap + size
    return length + draw(st.integers(0, 2)), entities


def write(length: int, entities: list[Entity], scheme: str) -> list[str]:
    tags, before = ["O"] * length, (-2, -2, "")
    for first, last, label in entities:
        follows_own = before[1] == first - 1 and before[2] == label
        letters = {
            "IOB1": ["B" if follows_own else "I", *"I" * (last - first)],
            "IOB2": ["B", *"I" * (last - first)],
            "BIOES": ["S"] if first == last else ["B", *"I" * (last - first - 1), "E"],
            "BILOU": ["U"] if first == last else ["B", *"I" * (last - first - 1), "L"],
            "BMES": ["S"] if first == last else ["B", *"M" * (last - first - 1), "E"],
        }[scheme]
        tags[first : last + 1] = [f"{letter}-{label}" for letter in letters]
        before = (first, last, label)
    return tags


@given(st.lists(sentences(), max_size=4), st.sampled_from(["IOB1", "IOB2", "BIOES", "BILOU", "BMES"]))
def test_what_was_written_is_read(rows: list[tuple[int, list[Entity]]], scheme: str) -> None:
    written = [[parse_tag(tag) for tag in write(*row, scheme)] for row in rows]
    found = detect_scheme(written)
    assert [to_entities(tags, found) for tags in written] == [entities for _, entities in rows]
    entities = [entity for _, some in rows for entity in some]
    if entities:
        assert found == {"BILOU": "BIOES", "BMES": "BIOES"}.get(scheme, scheme)


def test_a_scheme_shows_in_the_whole_file() -> None:
    # Alone, the first sentence could be IOB2 with a wrong tag.
    first = [parse_tag(tag) for tag in ("I-a", "B-a", "O")]
    assert detect_scheme([first]) == "IOB1"
    free_b = [parse_tag(tag) for tag in ("O", "B-a")]
    assert detect_scheme([first, free_b]) == "IOB2"
    with pytest.raises(TagError, match="the tag I-a begins the sentence; in IOB2 an entity begins with B-a") as caught:
        to_entities(first, "IOB2")
    assert caught.value.place == 0


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
    parsed = [parse_tag(tag) for tag in tags.split()]
    with pytest.raises(TagError, match=message) as caught:
        to_entities(parsed, detect_scheme([parsed]))
    assert caught.value.place == place


@pytest.mark.parametrize("tag", ["", "o", "person", "B", "B-", "B- ", "X-person", "b-person", "-person", "O-x"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="expected a tag such as O, B-person or I-person, got"):
        parse_tag(tag)
