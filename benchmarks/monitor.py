"""Measures how soon opinion monitoring finds planted surges, how often it errs, and how many texts a second it takes.

python benchmarks/monitor.py --output build/bench/monitor.json --plot build/bench/monitor.png

Streams are drawn from tweets and product-reviews, whose texts people have rated, and from bbc-news, where the sentiment
model's own answers stand for the ratings. In a surge, more of one topic's texts are drawn from the negative ones.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from harness import home_folder

from tfapp import api
from tfapp.apps.monitor.batches import IngestCounts
from tfapp.apps.monitor.message import ClassifiedMessage, Message
from tfapp.apps.monitor.message_store import MessageStore
from tfapp.apps.monitor.queries import MonitorQueries
from tfapp.apps.monitor.replay import ReplaySource, Surge, news_pool, rated_pool, replay
from tfapp.apps.monitor.service import Monitor
from tfapp.apps.monitor.tables import AlertRow
from tfapp.apps.monitor.trend_plot import draw_trends
from tfapp.apps.monitor.window_evaluator import WindowEvaluator
from tfapp.apps.shared.store import Store
from tfapp.core.clock import utc_now
from tfapp.core.files import write_json, write_json_lines

DATA = ("tweets", "product-reviews", "bbc-news")
QUIET = 0.2
SIZES = (0.35, 0.5, 0.65, 0.8)
PER_WINDOW = 60
SURGES = 3  # in a replay, each of so many windows, after so many quiet ones
LASTS, APART = 8, 60
BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="keeps the models; a later run takes them")
    parser.add_argument("--parts", nargs="+", default=("detection", "speed"), choices=("detection", "speed"))
    parser.add_argument("--seeds", type=int, default=5, help="replays of each kind")
    parser.add_argument("--texts", type=int, default=3000, help="texts of the measurement of speed")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--plot", type=Path, help="draws one replay of tweets")
    options = parser.parse_args()
    with home_folder(options.home) as home:
        monitor = Monitor.open(home, overrides=[*options.set, "log=false"])
        quality = monitor.prepare()
        result: dict[str, Any] = {"models": quality, "settings": monitor.settings.model_dump(mode="json")}
        if "detection" in options.parts:
            answers = _classify_all(monitor)
            result["detection"] = {data: _detection(monitor, answers[data], options) for data in DATA}
        if "speed" in options.parts:
            result["speed"] = _speed(monitor, options.texts)
            print("speed: " + ", ".join(f"{name} {value}" for name, value in result["speed"].items()))
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        write_json(options.output, result)


def _classify_all(monitor: Monitor) -> dict[str, dict[str, tuple[ClassifiedMessage, bool]]]:
    """Returns the served models' answer to each text, and whether it is negative; by data set and text."""
    import threading

    from tfapp.apps.monitor.classifier_client import ClassifierClient

    pools = [
        rated_pool("tweets", api.load_data, share=QUIET, per_window=0, unseen_only=True),
        rated_pool("product-reviews", api.load_data, share=QUIET, per_window=0),
        news_pool(api.load_data, per_window=0),
    ]
    answers_by_source: dict[str, dict[str, tuple[ClassifiedMessage, bool]]] = {}
    with monitor.models.client() as client:
        classifiers = ClassifierClient(client, monitor.settings, threading.Event())
        for pool in pools:
            texts = list(dict.fromkeys((*pool.negative, *pool.other)))
            answers = classifiers.classify([Message(str(n), pool.source, BEGIN, text) for n, text in enumerate(texts)])
            negative = set(pool.negative)
            answers_by_source[pool.source] = {
                answer.message.text: (
                    answer,
                    answer.sentiment == "negative" if pool.source == "bbc-news" else answer.message.text in negative,
                )
                for answer in answers
                if isinstance(answer, ClassifiedMessage)
            }
    return answers_by_source


def _share_called_negative(answers: Mapping[str, tuple[ClassifiedMessage, bool]], *, negative: bool) -> float:
    """Returns the share of the negative texts, or of the others, that the models call negative."""
    calls = [answer.sentiment == "negative" for answer, is_negative in answers.values() if is_negative == negative]
    return round(statistics.fmean(calls), 3)


def _detection(
    monitor: Monitor, answers: Mapping[str, tuple[ClassifiedMessage, bool]], options: argparse.Namespace
) -> dict[str, Any]:
    pools = _pools(answers)
    topic = max(pools, key=lambda pool: pool.per_window)
    data = next(iter(answers.values()))[0].message.source
    result: dict[str, Any] = {
        "topic": topic.source,
        "texts_per_window": round(topic.per_window, 1),
        "recall": _share_called_negative(answers, negative=True),
        "false_negatives": _share_called_negative(answers, negative=False),
    }
    sizes = f"topic {topic.source}, {topic.per_window:.0f} of {PER_WINDOW} texts a window"
    judges = f"of negative texts {result['recall']:.0%} are classified so, of others {result['false_negatives']:.0%}"
    print(f"{data}: {sizes}; {judges}")
    false_alerts, windows = defaultdict(int), 0
    for size in SIZES:
        delays: list[int] = []
        rises: list[float] = []
        for seed in range(options.seeds):
            surges = [Surge(topic.source, APART + number * (APART + LASTS), LASTS, size) for number in range(SURGES)]
            plot = options.plot if (size, seed, data) == (0.5, 0, "tweets") else None
            length = SURGES * (APART + LASTS) + APART
            alerts = _replay(monitor, answers, pools, length, surges, seed=1000 * seed + round(size * 100), plot=plot)
            windows += length
            for surge in surges:
                hits = [alert for alert in alerts if alert.topic == topic.source and _hits(alert, surge)]
                delays += [_window(hits[0].found) - surge.start + 1] if hits else []
                rises += [hits[0].after - hits[0].before] if hits else []
            for alert in alerts:
                if not any(_hits(alert, surge) for surge in surges):
                    false_alerts[alert.kind] += 1
                elif alert.kind == "rise" and alert.topic != topic.source:
                    false_alerts["rise"] += 1
        surge_count = SURGES * options.seeds
        result[f"{size:.2f}"] = row = {
            "planted": surge_count,
            "found": len(delays),
            "delay_median": statistics.median(delays) if delays else None,
            "delay_worst": max(delays, default=None),
            "rise_seen": round(statistics.fmean(rises), 3) if rises else None,
        }
        print(f"  {QUIET:.0%} to {size:.0%}: " + ", ".join(f"{name} {value}" for name, value in row.items()))
    result["windows"] = windows
    result["false_per_1000"] = {
        kind: round(number / windows * 1000, 2) for kind, number in sorted(false_alerts.items())
    }
    print(f"  {windows} windows; false alerts in 1000: {result['false_per_1000']}")
    return result


def _pools(answers: Mapping[str, tuple[ClassifiedMessage, bool]]) -> list[ReplaySource]:
    """Returns a pool for each topic, as the model sees topics."""
    texts_by_topic: defaultdict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for text, (answer, negative) in answers.items():
        texts_by_topic[answer.topic][not negative].append(text)
    return [
        ReplaySource(topic, negative, others, QUIET, PER_WINDOW * (len(negative) + len(others)) / len(answers))
        for topic, (negative, others) in sorted(texts_by_topic.items())
        if negative and others
    ]


def _replay(
    monitor: Monitor,
    answers: Mapping[str, tuple[ClassifiedMessage, bool]],
    pools: Sequence[ReplaySource],
    windows: int,
    surges: Sequence[Surge],
    *,
    seed: int,
    plot: Path | None,
) -> list[AlertRow]:
    """Returns the alerts of a stream, found by the application's own store and evaluator."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "store.sqlite")) as store:
        message_store = MessageStore(store, monitor.settings, utc_now)
        rows = replay(pools, windows, surges, seed=seed)
        while batch := [_message(answers, row) for row in islice(rows, 500)]:
            message_store.keep(batch, [], [], 0)
        WindowEvaluator(store, monitor.settings, utc_now).evaluate(final=True)
        queries = MonitorQueries(store, monitor.settings)
        if plot:
            draw_trends(queries.trends(last=windows, limit=3), queries.alerts(), plot)
        return list(reversed(queries.alerts(limit=1000)))


def _message(answers: Mapping[str, tuple[ClassifiedMessage, bool]], row: Mapping[str, Any]) -> ClassifiedMessage:
    answer = answers[row["text"]][0]
    time = datetime.fromisoformat(row["time"])
    return replace(answer, message=Message(f"{row['source']} {row['id']}"[:32], "replay", time, row["text"]))


def _window(time: datetime) -> int:
    return round((time - BEGIN) / HOUR)


def _hits(alert: AlertRow, surge: Surge) -> bool:
    """Returns whether it was found in a surge, or in the windows after it that are classified together with it."""
    return surge.start <= _window(alert.found) < surge.start + surge.windows + 4


def _speed(monitor: Monitor, texts: int) -> dict[str, float]:
    """Measures texts a second from a file to the database, classified by the embedded server."""
    pools = [
        rated_pool("tweets", api.load_data, share=QUIET, per_window=25),
        rated_pool("product-reviews", api.load_data, share=QUIET, per_window=25),
    ]
    stream = monitor.home / "speed.jsonl"
    write_json_lines(stream, islice(replay(pools, 10_000), texts))
    result = {}
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder, "store.sqlite")) as store:
        own_monitor = replace(monitor, store=store)
        samples: list[tuple[float, float, int]] = []
        # The server is in this process, so its time counts, too.
        on_progress = partial(_note, samples)
        own_monitor.run([stream], follow=False, on_progress=on_progress)
        # The first batches wait for the server's first answers.
        first, last = samples[len(samples) // 10], samples[-1]
        number = last[2] - first[2]
        result["texts_per_second"] = round(number / (last[0] - first[0]), 1)
        result["cpu_milliseconds_per_text"] = round((last[1] - first[1]) / number * 1000, 2)
        result["load"] = os.getloadavg()[0]
        message_store = MessageStore(store, monitor.settings, utc_now)
        times = [BEGIN + number * HOUR / 60 for number in range(5000)]
        messages = [
            ClassifiedMessage(Message(f"x{number}", "s", time, "a text of some words"), "tech", 0.9, "negative", 0.9)
            for number, time in enumerate(times)
        ]
        start_time = time.perf_counter()
        for start in range(0, 5000, monitor.settings.batch_size):
            message_store.keep(messages[start : start + monitor.settings.batch_size], [], [], 0)
        result["stored_alone_per_second"] = round(5000 / (time.perf_counter() - start_time), 1)
    return result


def _note(samples: list[tuple[float, float, int]], total: IngestCounts) -> None:
    samples.append((time.perf_counter(), time.process_time(), total.stored))


if __name__ == "__main__":
    main()
