"""Tags of words in the schemes IOB1, IOB2 and BIOES, told apart and turned into entities.

IOB1 (Ramshaw and Marcus 1995) writes B- only where an entity follows another of its type at once; IOB2 begins every
entity with B-; BIOES also marks the last word (E-) and an entity of one word (S-). BILOU and BMES are BIOES in other
letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

__all__ = ["Tag", "TagError", "TagScheme", "detect_scheme", "parse_tag", "to_entities"]

TagScheme = Literal["IOB1", "IOB2", "BIOES"]

Entity = tuple[int, int, str]
"""Number of the first word and of the last, and the type."""

_OTHER_LETTERS: Final = {"L": "E", "U": "S", "M": "I"}


class Tag(NamedTuple):
    """A word's tag.

    Attributes:
        mark: "O" outside of entities, else "B", "I", "E" or "S".
        label: The entity's type; empty outside.
    """

    mark: str
    label: str

    def __str__(self) -> str:
        return f"{self.mark}-{self.label}" if self.label else self.mark


_OUTSIDE: Final = Tag("O", "")


class TagError(ValueError):
    """A tag that stands where its scheme does not allow it.

    Attributes:
        place: The number of its word in the sentence.
    """

    def __init__(self, place: int, message: str) -> None:
        super().__init__(message)
        self.place = place


def parse_tag(text: str) -> Tag:
    """Reads a tag such as O, B-person or U-person.

    Raises:
        ValueError: It is none.
    """
    mark, dash, label = text.partition("-")
    if text == "O":
        return _OUTSIDE
    if mark in ("B", "I", "E", "S", *_OTHER_LETTERS) and dash and label.strip():
        return Tag(_OTHER_LETTERS.get(mark, mark), label.strip())
    raise ValueError(f'expected a tag such as O, B-person or I-person, got "{text:.40}"')


def detect_scheme(sentences: Iterable[Sequence[Tag]]) -> TagScheme:
    """Tells the scheme of a whole file by the tags of each sentence.

    BIOES where an E- or S- is met; IOB1 where an I- begins an entity and every B- follows its own type; else IOB2, by
    which a file that is neither is found wrong.
    """
    begun_by_i, free_b = False, False
    for tags in sentences:
        for before, tag in zip((_OUTSIDE, *tags), tags, strict=False):
            if tag.mark in ("E", "S"):
                return "BIOES"
            begun_by_i |= tag.mark == "I" and before.label != tag.label
            free_b |= tag.mark == "B" and before.label != tag.label
    return "IOB1" if begun_by_i and not free_b else "IOB2"


def to_entities(tags: Sequence[Tag], scheme: str) -> list[Entity]:
    """Turns a sentence's tags, one a word, into entities, first to last.

    Raises:
        TagError: A tag stands where the scheme does not allow it.
    """
    entities: list[Entity] = []
    start = 0
    for place, (before, tag) in enumerate(zip((_OUTSIDE, *tags), (*tags, _OUTSIDE), strict=True)):
        _check(place, before, tag, scheme)
        # An entity that goes on is neither closed nor opened here.
        if tag.mark in ("I", "E") and tag.label == before.label and before.mark in ("B", "I"):
            continue
        if before.label:
            entities.append((start, place - 1, before.label))
        start = place
    return entities


def _check(place: int, before: Tag, tag: Tag, scheme: str) -> None:
    if scheme == "IOB1":
        return
    open_before = before.mark in ("B", "I")
    if tag.mark in ("I", "E") and not (open_before and before.label == tag.label):
        where = f"follows {before}" if place else "begins the sentence"
        single = f" or is S-{tag.label}" if scheme == "BIOES" else ""
        raise TagError(place, f"the tag {tag} {where}; in {scheme} an entity begins with B-{tag.label}{single}")
    if scheme == "BIOES" and open_before and not (tag.mark in ("I", "E") and tag.label == before.label):
        what = f"{before} is followed by {tag}" if tag.label else f"{before} is followed by no word of its entity"
        raise TagError(
            place - 1, f"the tag {what}; in BIOES an entity ends with E-{before.label} or is S-{before.label}"
        )
