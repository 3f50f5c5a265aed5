"""The output of `tfapp monitor`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from tfapp.apps.shared.output import print_line
from tfapp.core.terminal import console, print_json
from tfapp.core.wording import pluralize

if TYPE_CHECKING:
    from tfapp.apps.monitor.batches import IngestCounts
    from tfapp.apps.monitor.queries import Trend
    from tfapp.apps.monitor.sinks.sink import Sink
    from tfapp.apps.monitor.tables import AlertRow, MessageRow

__all__ = [
    "console_sinks",
    "show_alert",
    "show_alerts",
    "show_model",
    "show_outcome",
    "show_rejected",
    "show_resent",
    "show_trends",
    "sparkline",
]

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
# Characters that a trend has at most, and those that the other columns take beside the name.
_WIDEST: Final = 60
_OTHERS: Final = 42


def sparkline(trend: Trend, width: int) -> str:
    """Returns a trend's negative share, from 0 to 1, as blocks, with a blank where there are no texts.

    Args:
        trend: Its windows.
        width: Characters; where there are more windows, several that follow each other are one.
    """
    from tfapp.apps.monitor.windows import Counts

    group_size = max(1, math.ceil(len(trend.points) / width))
    starts = range(0, len(trend.points), group_size)
    parts = (trend.points[start : start + group_size] for start in starts)
    shares = (sum((point.counts for point in part), Counts()).share for part in parts)
    return "".join(
        " " if share is None else _BLOCKS[min(int(share * len(_BLOCKS)), len(_BLOCKS) - 1)] for share in shares
    )


def console_sinks(*, as_json: bool) -> list[Sink]:
    """Prints alerts as they are raised."""
    from tfapp.apps.monitor.sinks.console import ConsoleSink

    return [ConsoleSink(print_json if as_json else _show_payload)]


def show_model(line: str, *, as_json: bool) -> None:
    """Prints that a model was trained."""
    if not as_json:
        print_line("Model", line)


def show_outcome(outcome: IngestCounts, counts: Mapping[str, int], *, as_json: bool) -> None:
    """Prints the outcome of a run."""
    if as_json:
        print_json({**asdict(outcome), "alerts": counts["alerts"], "undelivered": counts["undelivered"]})
        return
    texts, repeated = pluralize(outcome.stored, "new text"), pluralize(outcome.repeated, "duplicate")
    print_line("Read", f"{texts}, {repeated}, {outcome.rejected} rejected")
    undelivered, undeliverable = counts["undelivered"], counts["undeliverable"]
    note = f"; {pluralize(undelivered, 'message')} still to be sent to sinks" if undelivered else ""
    print_line("Alerts", f"{counts['alerts']} in all{note}")
    if undeliverable:
        messages = pluralize(undeliverable, "message")
        print_line("Not sent", f"{messages} that no sink took; tfapp monitor show says why")
    if outcome.rejected:
        print_line("", "tfapp monitor rejected says why")


def show_trends(
    trends: Sequence[Trend],
    counts: Mapping[str, int],
    by: str,
    *,
    undeliverable: Sequence[Mapping[str, object]] = (),
    as_json: bool,
) -> None:
    """Prints a line for each trend, and the undeliverable notifications."""
    if as_json:
        rows = [{name: _plain(value) for name, value in row.items()} for row in undeliverable]
        print_json({"counts": dict(counts), "trends": [_trend(trend) for trend in trends], "undeliverable": rows})
        return
    from rich.table import Table
    from rich.text import Text

    screen = console()
    windows = len(trends[0].points) if trends else 0
    table = Table(by, "texts", "negative", "positive")
    table.add_column(f"negative share, {pluralize(windows, 'window')}", no_wrap=True)
    names = max((len(trend.name) for trend in trends), default=0)
    room = max(10, min(_WIDEST, screen.width - _OTHERS - min(names, _WIDEST)))
    for trend in trends:
        total = trend.total
        shares = (f"{part / total.texts:.0%}" for part in (total.negatives, total.positives))
        table.add_row(Text(trend.name), str(total.texts), *shares, sparkline(trend, room))
    screen.print(table)
    repeated = pluralize(counts["repeated"], "duplicate")
    print_line("Texts", f"{counts['texts']} stored, {repeated}, {counts['rejected']} rejected")
    print_line("Alerts", f"{counts['alerts']}; tfapp monitor alerts")
    _show_undeliverable(undeliverable, counts["undeliverable"])


def show_alerts(alerts: Sequence[AlertRow], *, as_json: bool) -> None:
    """Prints a line for each alert."""
    if as_json:
        print_json([alert.to_dict() for alert in alerts])
        return
    for alert in alerts:
        print_line(f"{alert.id}", f"{alert.headline}; {alert.status}")
    if not alerts:
        print_line("None", "nothing was out of the ordinary")


def show_alert(alert: AlertRow, texts: Sequence[MessageRow], *, as_json: bool) -> None:
    """Prints an alert with the texts behind it."""
    details = {"alert": alert.to_dict(), "texts": [text.to_dict() for text in texts]}
    if as_json:
        print_json(details)
        return
    _show_payload({"event": "opened", **details})
    status = f"; {alert.status}, at {alert.end:%Y-%m-%d %H:%M} UTC" if alert.end else "; still open"
    print_line("", f"number {alert.id}, detected in the {alert.width} from {alert.found:%Y-%m-%d %H:%M} UTC{status}")


def show_resent(number: int, *, as_json: bool) -> None:
    """Prints how many notifications are queued again."""
    if as_json:
        print_json({"queued": number})
    elif number:
        sending = "tfapp monitor run sends what is queued, one that runs already at once"
        print_line("Queued", f"{pluralize(number, 'message')}; {sending}")
    else:
        print_line("None", "there is no message that no sink took")


def show_rejected(rows: Sequence[Mapping[str, object]], counts: Mapping[str, int], *, as_json: bool) -> None:
    """Prints the rejected rows, and how many more are no longer kept."""
    if as_json:
        print_json([dict(row) for row in rows])
        return
    for row in rows:
        print_line("", f"{row['source']}, {row['place']}: {row['reason']}: {str(row['content'])[:80]}")
    total, kept = counts["rejected"], counts["rejected_kept"]
    if total > kept:
        print_line("", f"{total} in total; stored: the newest {kept} (set_aside_rows)")
    if not counts["rejected"]:
        print_line("None", "every row was used")


def _show_undeliverable(rows: Sequence[Mapping[str, object]], number: int) -> None:
    for row in rows:
        delivery = f"{row['sink']}, alert {row['alert_id']} ({row['event']})"
        print_line(
            "Not sent",
            f"{delivery}: {row['error']}; given up after {row['tries']} {'try' if row['tries'] == 1 else 'tries'}",
        )
    if number > len(rows):
        print_line("Not sent", f"{number - len(rows)} more")
    if number:
        print_line("", "tfapp monitor resend queues them again")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value


def _show_payload(payload: Mapping[str, Any]) -> None:
    from tfapp.apps.monitor.tables import ENDINGS

    alert = payload["alert"]
    if payload["event"] == "ended":
        print_line("Over", f"{alert['headline']}; {ENDINGS[alert['ended_by']]}")
        return
    print_line("Alert", f"{alert['headline']}")
    for text in payload["texts"]:
        content = " ".join(text["text"].split())
        sentiment = f"{text['sentiment']} {text['sentiment_confidence']:.2f}"
        print_line("", f'"{content[:160]}" ({text["source"]}, {text["time"][:16]}, {sentiment})')


def _trend(trend: Trend) -> dict[str, Any]:
    points = [
        {"start": point.start.isoformat(), **asdict(point.counts), "expected": point.expected} for point in trend.points
    ]
    return {"name": trend.name, **asdict(trend.total), "points": points}
