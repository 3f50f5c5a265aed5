"""The demo of `tfapp recommend`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tfapp.apps.recommend import output
from tfapp.core.files import write_json_lines
from tfapp.core.terminal import console

if TYPE_CHECKING:
    from tfapp.apps.recommend.service import Recommend

__all__ = ["show_recommend"]

_READER: Final = "reader-7"
_ABOUT: Final = "mobile phones and the networks that they run on"


def show_recommend(service: Recommend) -> None:
    """Recommends BBC News to simulated readers, with reasons, and evaluates the lists."""
    screen = console()
    items, events = _write_data(service)
    screen.rule("1. News, and readers who are simulated")
    screen.print(
        "The articles are BBC News of 2004 and 2005. Their days are drawn by chance, and the readers are made up:\n"
        "they open what shares words with a few articles of theirs, what is of their sections, new, or liked by all."
    )
    output.show_items(service.add_items(items), as_json=False)
    output.show_events(service.add_events(events), as_json=False)
    screen.rule("2. Learn the final ranking")
    output.show_trained(service.train(), as_json=False)
    with service.recommender() as recommender:
        screen.rule(f"3. For {_READER}, who has read")
        for title in recommender.past(_READER, 6):
            screen.print(f"  {title}", markup=False)
        output.show_list(recommender.recommend(_READER, 5), as_json=False)
        screen.rule("4. What nobody has read yet, for the same reader: by text alone")
        output.show_list(recommender.recommend(_READER, 3, new_only=True), as_json=False)
        screen.rule("5. For somebody new, by a text")
        output.show_list(recommender.recommend("somebody new", 3, about=_ABOUT), as_json=False)
    screen.rule("6. How good it is on the last fifth of the simulated events, learnt from those before")
    output.show_evaluation(service.evaluate(), as_json=False)
    screen.rule("What next")
    screen.print(f"Ask more   tfapp recommend for reader-8 --home {service.home}", soft_wrap=True)
    screen.print("Your own   tfapp recommend items FILE.csv, then events FILE.csv", soft_wrap=True)


def _write_data(service: Recommend) -> tuple[Path, Path]:
    """Writes the articles and the simulated events as files that the commands read."""
    from tfapp.apps.recommend.simulated_readers import publish, simulate

    rows = [json.loads(line) for line in service.pull("bbc-news").read_text(encoding="utf-8").splitlines()]
    # Every second one: all of them take twice as long to embed, and show nothing more.
    articles = publish(rows[::2])
    folder = service.home / "data"
    items, events = folder / "items.jsonl", folder / "events.jsonl"
    write_json_lines(
        items,
        (
            {
                "item": article.key,
                "title": article.title,
                "description": article.description,
                "tags": [article.section],
                "time": article.published.isoformat(),
            }
            for article in articles
        ),
    )
    write_json_lines(events, simulate(articles))
    return items, events
