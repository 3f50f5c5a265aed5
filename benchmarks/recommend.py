"""Measures how good the recommender's lists are on MovieLens 100K, beside popularity and item-kNN.

python benchmarks/recommend.py --data FOLDER --output benchmarks/results/recommend.json

FOLDER holds GroupLens' u.data, u.item and u.genre (https://grouplens.org/datasets/movielens/100k/, research use).
Titles and genres are the items' texts. All is learnt from the events before a time, and judged by what users liked
after it.
"""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from harness import environment, home_folder, write_report

from tfapp.apps.recommend.evaluation import ListEvaluation, evaluate
from tfapp.apps.recommend.event_log import EventLog
from tfapp.apps.recommend.item_matrix import ItemMatrix
from tfapp.apps.recommend.service import Recommend

PACKAGES = ("tfapp", "scikit-learn", "scipy", "numpy", "usearch", "tensorflow")
SHARES = (0.1, 0.2)
# The share of the items whose past is taken away, so that there are more new ones to judge by.
PLANTED = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with u.data, u.item and u.genre")
    parser.add_argument("--first", type=float, default=1.0, help="take the first events alone: this share of them")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting")
    parser.add_argument("--home", type=Path, help="keeps what is built; a later run goes on from it")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with home_folder(options.home) as home:
        service = Recommend.open(home, overrides=options.set)
        seconds = _fill(service, options.data)
        identity = service.catalogue.vectors.embedder()
        item_matrix = service.catalogue.item_matrix(identity)
        log = service.catalogue.log(item_matrix)
        log = log[: round(options.first * len(log))]
        results = {f"last {share:.0%}": _measure(service, item_matrix, log, share) for share in SHARES}
        name = f"last {SHARES[-1]:.0%}, a tenth of the items made new"
        results[name] = _measure(service, item_matrix, _with_new_items(log, SHARES[-1]), SHARES[-1])
    if options.output:
        about = {"seconds": seconds, "embedder": identity, "first": options.first, "settings": options.set}
        write_report(options.output, {"environment": environment(*PACKAGES), **about, "splits": results})


def _fill(service: Recommend, data: Path) -> dict[str, float]:
    """Adds items and events by the files that the commands read, and returns the seconds that it took."""
    service.home.mkdir(parents=True, exist_ok=True)
    genres = [line.split("|")[0] for line in _lines(data / "u.genre")]
    movies = [_movie(line.split("|"), genres) for line in _lines(data / "u.item")]
    ratings = [line.split("\t") for line in _lines(data / "u.data")]
    items = _write(service.home / "items.csv", ("item", "title", "tags", "time"), movies)
    events = _write(service.home / "events.csv", ("user", "item", "rating", "time"), ratings)
    seconds = {}
    for name, work in (
        ("items", lambda: service.add_items(items, quiet=True)),
        ("events", lambda: service.add_events(events, quiet=True)),
        ("train", lambda: service.train(quiet=True)),
        ("open", lambda: service.recommender().__enter__()),
    ):
        start_time = time.perf_counter()
        work()
        seconds[name] = round(time.perf_counter() - start_time, 1)
        print(f"{name:8}{seconds[name]} s")
    return seconds


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="latin-1").splitlines() if line]


def _movie(fields: Sequence[str], genres: Sequence[str]) -> Sequence[str]:
    release = datetime.strptime(fields[2], "%d-%b-%Y").replace(tzinfo=UTC).isoformat() if fields[2] else ""
    tags = [genre for genre, flag in zip(genres, fields[5:], strict=True) if flag == "1"]
    return fields[0], fields[1], "|".join(tags), release


def _write(file: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out).writerows([columns, *rows])
    return file


def _with_new_items(log: EventLog, share: float) -> EventLog:
    start = log.times[int((1 - share) * len(log))]
    mask = np.random.default_rng(0).random(int(log.items.max()) + 1) < PLANTED
    return log[~mask[log.items] | (log.times >= start)]


def _measure(service: Recommend, item_matrix: ItemMatrix, log: EventLog, share: float) -> dict[str, Any]:
    start_time = time.perf_counter()
    evaluation = evaluate(item_matrix, log, service.settings, share=share)
    _print(evaluation, share)
    return {**asdict(evaluation), "seconds": round(time.perf_counter() - start_time, 1)}


def _print(evaluation: ListEvaluation, share: float) -> None:
    past = f"{evaluation.events} events and {evaluation.lists} lists"
    print(f"\nlast {share:.0%}: learnt from {past}, {evaluation.later} events after")
    for title, scores in (("all items", evaluation.all_items), ("new items", evaluation.new_items)):
        users = next(iter(scores.values())).users
        print(f"  {title}, {users} users" + " " * 12 + "nDCG@10  recall@10  coverage")
        for name, score in scores.items():
            print(f"    {name:36}{score.ndcg:7.3f}  {score.recall:9.3f}  {score.coverage:8.3f}")


if __name__ == "__main__":
    main()
