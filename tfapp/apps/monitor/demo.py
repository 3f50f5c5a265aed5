"""The demo of `tfapp monitor`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfapp.apps.monitor import output
from tfapp.core.files import write_json_lines
from tfapp.core.terminal import console

if TYPE_CHECKING:
    from tfapp.apps.monitor.service import Monitor

__all__ = ["show_monitor"]

_WINDOWS: Final = 48


def show_monitor(monitor: Monitor) -> None:
    """Trains the models, replays two days of news and product reviews with six hours of complaints, and finds them."""
    from tfapp.apps.monitor.trend_plot import draw_trends

    screen = console()
    screen.rule("1. Two classifiers: topics learnt from BBC News, sentiment from tweets")
    for line in monitor.prepare():
        output.show_model(line, as_json=False)
    screen.rule("2. Two days of real texts: on the second, from noon, customers complain for six hours")
    stream = monitor.home / "stream.jsonl"
    _write_stream(monitor, stream)
    with monitor.show_progress("Monitoring", "texts") as advance:
        outcome = monitor.run([stream], follow=False, on_progress=lambda total: advance(total.stored))
    queries = monitor.queries
    output.show_outcome(outcome, queries.counts(), as_json=False)
    output.show_trends(queries.trends(last=_WINDOWS), queries.counts(), "topic", as_json=False)
    screen.rule("3. What was not as usual, and the texts that show it")
    for alert in reversed(queries.alerts()):
        output.show_alert(alert, queries.texts_of(alert), as_json=False)
    plot = monitor.home / "trends.png"
    draw_trends(queries.trends(last=_WINDOWS), queries.alerts(), plot)
    screen.rule("What next")
    screen.print(f"Look       {plot}", soft_wrap=True)
    screen.print(f"Read more  tfapp monitor alerts NUMBER --home {monitor.home}", soft_wrap=True)
    screen.print("Your own   tfapp monitor run FILE.jsonl, with text, time, source and id", soft_wrap=True)


def _write_stream(monitor: Monitor, file: Path) -> None:
    """Writes news and reviews, of which one in five is negative, and four in five for six hours of the second day."""
    from tfapp.apps.monitor.replay import Surge, news_pool, rated_pool, replay

    reviews = rated_pool("product-reviews", monitor.load_data, share=0.2, per_window=24)
    surge = Surge(reviews.source, start=36, windows=6, share=0.8)
    write_json_lines(file, replay([news_pool(monitor.load_data, per_window=8), reviews], _WINDOWS, [surge], seed=1))
