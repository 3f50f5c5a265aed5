"""Tags of words in the schemes IOB1, IOB2 and BIOES, told apart, checked, and turned into entities.

IOB1 (Ramshaw and Marcus 1995) writes B- only where an entity follows another of its type at once; IOB2 begins every
entity with B-; BIOES also marks the last word (E-) and an entity of one word (S-). BILOU and BMES are BIOES in other
letters. Entities are read as conlleval.pl reads them (Tjong Kim Sang and Buchholz, CoNLL-2000), which needs no scheme:
where tags break theirs, an entity begins at the first tag of its type, and ends where the type does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal, NamedTuple

__all__ = ["BadTag", "Tag", "TagScheme", "WordSpan", "bad_tags", "detect_scheme", "parse_tag", "tags_to_entities"]

TagScheme = Literal["IOB1", "IOB2", "BIOES"]

WordSpan = tuple[int, int, str]
"""The number of the first word and of the last, and the type."""

_OTHER_LETTERS: Final = {"L": "E", "U": "S", "M": "I"}


class Tag(NamedTuple):
    """A tag of a word: its prefix and its label.

    Attributes:
        mark: "O" outside of entities, else "B", "I", "E" or "S".
        label: The entity's type; empty outside.
    """

    mark: str
    label: str

    def __str__(self) -> str:
        return f"{self.mark}-{self.label}" if self.label else self.mark


_OUTSIDE: Final = Tag("O", "")


class BadTag(NamedTuple):
    """A tag that stands where its scheme does not allow it.

    Attributes:
        position: The number of its word in the sentence, from 0.
        reason: What is wrong, in words.
    """

    position: int
    reason: str


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
    """Tells the scheme of a whole file by the tags of each sentence: the one that the fewest words break.

    Among equals it is BIOES where an E- or S- is met, else IOB2.
    """
    violations: dict[TagScheme, int] = {"BIOES": 0, "IOB2": 0, "IOB1": 0}
    has_ends = False
    for tags in sentences:
        has_ends = has_ends or any(tag.mark in ("E", "S") for tag in tags)
        for scheme in violations:
            violations[scheme] += sum(1 for _ in bad_tags(tags, scheme))
    return min((scheme for scheme in violations if has_ends or scheme != "BIOES"), key=violations.__getitem__)


def tags_to_entities(tags: Sequence[Tag]) -> list[WordSpan]:
    """Turns a sentence's tags, one a word, into entities, first to last, whether or not they keep to a scheme."""
    entities: list[WordSpan] = []
    start = 0
    for index, (last_tag, tag) in enumerate(zip((_OUTSIDE, *tags), (*tags, _OUTSIDE), strict=True)):
        if _goes_on(last_tag, tag):
            continue
        if last_tag.label:
            entities.append((start, index - 1, last_tag.label))
        start = index
    return entities


def bad_tags(tags: Sequence[Tag], scheme: TagScheme) -> Iterator[BadTag]:
    """Yields the tags of a sentence that its scheme does not allow where they stand."""
    for index, (last_tag, tag) in enumerate(zip((_OUTSIDE, *tags), (*tags, _OUTSIDE), strict=True)):
        position = f"follows {last_tag}" if index else "begins the sentence"
        if scheme == "BIOES":
            yield from _bad_in_bioes(index, last_tag, tag, position)
        elif tag.mark in ("E", "S"):
            yield BadTag(index, f"the tag {tag} is of BIOES; {scheme} has B- and I- alone")
        elif scheme == "IOB2" and tag.mark == "I" and not _goes_on(last_tag, tag):
            yield BadTag(index, f"the tag {tag} {position}; in IOB2 an entity begins with B-{tag.label}")
        elif scheme == "IOB1" and tag.mark == "B" and last_tag.label != tag.label:
            yield BadTag(index, f"the tag {tag} {position}; in IOB1 an entity begins with I-{tag.label} there")


def _bad_in_bioes(index: int, last_tag: Tag, tag: Tag, position: str) -> Iterator[BadTag]:
    if last_tag.mark in ("B", "I") and not _goes_on(last_tag, tag):
        problem = (
            f"{last_tag} is followed by {tag}" if tag.label else f"{last_tag} is followed by no word of its entity"
        )
        yield BadTag(
            index - 1, f"the tag {problem}; in BIOES an entity ends with E-{last_tag.label} or is S-{last_tag.label}"
        )
    if tag.mark in ("I", "E") and not _goes_on(last_tag, tag):
        rule = f"in BIOES an entity begins with B-{tag.label} or is S-{tag.label}"
        yield BadTag(index, f"the tag {tag} {position}; {rule}")


def _goes_on(last_tag: Tag, tag: Tag) -> bool:
    """Returns whether a word is of the same entity as the one before."""
    return tag.mark in ("I", "E") and last_tag.mark in ("B", "I") and tag.label == last_tag.label
