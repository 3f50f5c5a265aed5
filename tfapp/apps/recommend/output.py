"""The output of `tfapp recommend`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from tfapp.apps.shared.output import print_embedded, print_ingest, print_line, print_rejected
from tfapp.core.terminal import console, print_json
from tfapp.core.wording import pluralize

if TYPE_CHECKING:
    from tfapp.apps.recommend.catalogue import TrainedRanking
    from tfapp.apps.recommend.evaluation import ListEvaluation, Score
    from tfapp.apps.recommend.service import ItemsAdded
    from tfapp.apps.recommend.suggestion import Reason, Suggestion, Suggestions
    from tfapp.apps.shared.ingest import IngestResult

__all__ = ["show_counts", "show_evaluation", "show_events", "show_items", "show_list", "show_trained"]

_TABLES = (
    ("all_items", "All items"),
    ("new_items", "Items that nobody had met, for users who liked one of them"),
)


def show_items(result: ItemsAdded, *, as_json: bool) -> None:
    """Prints the outcome of adding items."""
    if as_json:
        print_json(asdict(result))
        return
    print_ingest(result.addition)
    print_embedded(result.embedded, pluralize(result.items, "item"), others=result.embedded < result.items)
    print_line("Next", "tfapp recommend events FILE")


def show_events(addition: IngestResult, *, as_json: bool) -> None:
    """Prints the outcome of adding events."""
    if as_json:
        print_json(asdict(addition))
        return
    print_ingest(addition)
    print_line("Next", "tfapp recommend train")


def show_trained(training: TrainedRanking, *, as_json: bool) -> None:
    """Prints the result of a training."""
    weights = dict(zip(training.ranking.known.names, training.ranking.known.weights, strict=True))
    if as_json:
        print_json(
            {"at": training.at.isoformat(), "events": training.events, "lists": training.lists, "weights": weights}
        )
        return
    lists, events = pluralize(training.lists, "list"), pluralize(training.events, "event")
    print_line("Learnt", f"from {lists} of the past, of {events}")
    strongest = sorted(weights.items(), key=lambda pair: -abs(pair[1]))[:5]
    print_line("Most by", ", ".join(f"{name} {weight:+.2f}" for name, weight in strongest))
    print_line("Next", "tfapp recommend for USER")


def show_list(result: Suggestions, *, as_json: bool) -> None:
    """Prints a list with the reasons for each item."""
    if as_json:
        print_json(result.to_dict())
        return
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in ("", "item", "title", "because"):
        table.add_column(name, justify="right" if not name else "left")
    for rank, suggestion in enumerate(result.suggestions, start=1):
        table.add_row(
            str(rank), *(Text(cell) for cell in (suggestion.item.key, suggestion.item.title, _reason_text(suggestion)))
        )
    console().print(table)
    if not result.trained:
        print_line("Untrained", "the lists of the searches are fused by rank; tfapp recommend train")
    if result.degraded:
        print_line("Without", result.degraded)


def show_counts(
    counts: Mapping[str, int],
    users: Sequence[Mapping[str, Any]],
    training: TrainedRanking | None,
    rejected_rows: Sequence[Mapping[str, object]],
    *,
    as_json: bool,
) -> None:
    """Prints the numbers of items, users and events, the last users, and the rejected rows."""
    time = training.at.isoformat() if training else None
    if as_json:
        rows = [dict(row) for row in rejected_rows]
        print_json({**counts, "trained": time, "last_users": [dict(user) for user in users], "rejected_rows": rows})
        return
    for name in ("items", "new_items", "users", "events"):
        print_line(name.replace("_", " ").capitalize(), str(counts[name]))
    print_line("Rejected", str(counts["rejected"]))
    print_line("Trained", time or "no; tfapp recommend train")
    for user in users:
        print_line("User", f"{user['user']}, {pluralize(user['events'], 'event')}, the last at {user['last']}")
    print_rejected(rejected_rows)


def show_evaluation(result: ListEvaluation, *, as_json: bool) -> None:
    """Prints the tables of an evaluation."""
    if as_json:
        print_json(asdict(result))
        return
    events, lists = pluralize(result.events, "event"), pluralize(result.lists, "list")
    later = pluralize(result.later, "later event")
    print_line("Learnt", f"from {events} and {lists}; evaluated on {later}")
    for name, title in _TABLES:
        scores: Mapping[str, Score] = getattr(result, name)
        users = next(iter(scores.values())).users
        if users:
            _show_scores(f"{title} ({pluralize(users, 'user')})", scores)


def _show_scores(title: str, scores: Mapping[str, Score]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in ("", "nDCG@10", "recall@10", "coverage"):
        table.add_column(name, justify="right" if name else "left")
    for name, score in scores.items():
        table.add_row(name, *(f"{value:.3f}" for value in (score.ndcg, score.recall, score.coverage)))
    console().print(table)


def _reason_text(suggestion: Suggestion) -> str:
    if suggestion.reasons:
        return "\n".join(_reason(reason) for reason in suggestion.reasons)
    if "popular" in suggestion.ways:
        return "popular now"
    return "new" if "new" in suggestion.ways else "like what you liked"


def _reason(reason: Reason) -> str:
    if reason.item is None:
        return f'you look for "{reason.title}" (text {reason.similarity:.2f})'
    how = "text" if reason.kind == "text" else "liked together"
    return f"{reason.title} ({how} {reason.similarity:.2f})"
