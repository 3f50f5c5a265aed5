"""The output of `tfapp support`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tfapp.core.terminal import console, print_json

if TYPE_CHECKING:
    from tfapp.apps.support.reply import Reply
    from tfapp.apps.support.service import Built, Learnt

__all__ = ["show_built", "show_known", "show_learnt", "show_reply"]


def show_built(built: Built, *, as_json: bool) -> None:
    """Prints the outcome of a build."""
    if as_json:
        print_json(asdict(built))
        return
    addition = built.addition
    _line(
        "Read", f"{addition.rows} rows: {addition.added} new, {addition.repeated} known, {addition.set_aside} set aside"
    )
    for reason, count in addition.reasons.items():
        _line("", f"{count} x {reason}")
    _line("Intents", built.intent_model)
    _line("Embedded", f"{built.embedded} of {built.texts} texts; the others were before")
    _line("Next", 'tfapp support ask "..."')


def show_learnt(learnt: Learnt, *, as_json: bool) -> None:
    """Prints the outcome of learning."""
    if as_json:
        print_json(asdict(learnt))
        return
    lesson = learnt.lesson
    _line("Learnt", f"{lesson.corrections} corrections: {lesson.added} new pairs, {lesson.refused} refused")
    _line("Intents", learnt.intent_model)
    _line("Embedded", f"{learnt.embedded} texts")


def show_reply(reply: Reply, *, as_json: bool) -> None:
    """Prints an answer with its sources, or the summary of a hand-over."""
    if as_json:
        print_json(reply.to_dict())
        return
    _line("You", reply.question)
    if reply.understood != reply.question and reply.kind != "handover":
        _line("", f'understood as "{reply.understood}"')
    _line("Service", reply.text)
    for source in reply.sources:
        how = "by its words" if source.cosine is None else f"cosine {source.cosine:.2f}"
        _line("", f'from "{source.matched}" ({source.source}, line {source.line}; {how})')
    if reply.intent and reply.kind in ("intent", "slot"):
        _line("", f"intent {reply.intent} ({reply.confidence:.2f})")
    for line in reply.summary.splitlines():
        _line("", line)
    if reply.degraded:
        _line("", f"could not be asked: {reply.degraded}")
    _line("", f"turn {reply.turn}")


def show_known(counts: Mapping[str, int], set_aside: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Prints what is known, and the rejected rows."""
    if as_json:
        print_json({**counts, "rows_set_aside": [dict(row) for row in set_aside]})
        return
    for name in ("texts", "pairs", "intents", "set_aside"):
        _line(name.replace("_", " ").capitalize(), str(counts[name]))
    for row in set_aside:
        _line("", f"{row['source']}, line {row['line']}: {row['reason']}: {str(row['content'])[:80]}")


def _line(name: str, text: str) -> None:
    console().print(f"{name:10}{text}", markup=False, soft_wrap=True)
