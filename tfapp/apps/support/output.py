"""The output of `tfapp support`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from tfapp.apps.shared.output import print_embedded, print_ingest, print_line, print_rejected
from tfapp.core.terminal import print_json
from tfapp.core.wording import pluralize

if TYPE_CHECKING:
    from tfapp.apps.support.reply import Reply
    from tfapp.apps.support.service import BuildResult, LearningSummary

__all__ = ["show_built", "show_counts", "show_lesson", "show_reply"]


def show_built(result: BuildResult, *, as_json: bool) -> None:
    """Prints the outcome of a build."""
    if as_json:
        print_json(asdict(result))
        return
    print_ingest(result.addition)
    print_line("Intents", result.intent_model)
    print_embedded(result.embedded, pluralize(result.texts, "text"), others=result.embedded < result.texts)
    print_line("Next", 'tfapp support ask "..."')


def show_lesson(result: LearningSummary, *, as_json: bool) -> None:
    """Prints the outcome of learning."""
    if as_json:
        print_json(asdict(result))
        return
    print_line("Learnt", result.lesson.summary)
    print_line("Intents", result.intent_model)
    print_line("Embedded", pluralize(result.embedded, "text"))


def show_reply(reply: Reply, *, as_json: bool) -> None:
    """Prints an answer with its sources, or the summary of a hand-over."""
    if as_json:
        print_json(asdict(reply))
        return
    print_line("You", reply.question)
    if reply.understood != reply.question and reply.kind != "handover":
        print_line("", f'understood as "{reply.understood}"')
    print_line("Service", reply.text)
    for source in reply.sources:
        how = "by its words" if source.cosine is None else f"cosine {source.cosine:.2f}"
        print_line("", f'from "{source.matched}" ({source.source}, line {source.line}; {how})')
    if reply.intent and reply.kind in ("intent", "slot"):
        print_line("", f"intent {reply.intent} ({reply.confidence:.2f})")
    for line in reply.summary.splitlines():
        print_line("", line)
    if reply.degraded:
        print_line("", f"could not be asked: {reply.degraded}")
    print_line("", f"turn {reply.turn}")


def show_counts(counts: Mapping[str, int], rejected_rows: Sequence[Mapping[str, object]], *, as_json: bool) -> None:
    """Prints the numbers of texts, pairs and intents, and the rejected rows."""
    if as_json:
        print_json({**counts, "rejected_rows": [dict(row) for row in rejected_rows]})
        return
    for name in ("texts", "pairs", "intents"):
        print_line(name.capitalize(), str(counts[name]))
    print_line("Rejected", str(counts["rejected"]))
    print_rejected(rejected_rows)
