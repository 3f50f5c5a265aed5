"""The README of an exported version: what a person wants to know before using the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["model_card"]

_PAIRS: Final = "pairs of raw texts, a query and a candidate,"
_CUT: Final = "Texts are cut after {max_length} tokens; what follows is not read."
_NOTHING_ELSE: Final = "It knows no answer but its labels: a text about something else gets one of them too."


class _Card(NamedTuple):
    """What the card says of a task.

    Attributes:
        takes: What the model is given.
        answers: What it answers: `labels` stands for how many of its labels there are and which.
        call: How a client asks.
        length: What becomes of long texts.
        outside: What it says of what it does not know.
    """

    takes: str
    answers: str
    call: str
    length: str = _CUT
    outside: str = _NOTHING_ELSE


_TASKS: Final = {
    "classification": _Card("raw text", "{labels}", 'classify("{name}", ["a text"])'),
    "pair-classification": _Card(_PAIRS, "{labels}", 'classify_pairs("{name}", [("a query", "a candidate")])'),
    "ranking": _Card(
        _PAIRS,
        "a score from 0 to 1, the higher the better they fit",
        'rank("{name}", "a query", ["a candidate", "another"])',
        outside="It says of any two texts how well they fit, of such as have nothing to do with its data, too.",
    ),
    "tagging": _Card(
        "raw text",
        "the spans that it finds in it, each with {labels}",
        'tag("{name}", ["a text"])',
        length="Texts of more than {max_length} tokens are read in windows that overlap, so that context ends there.",
        outside="It finds spans of these types and no others; what is new or spelt otherwise it may miss.",
    ),
}


def model_card(name: str, metadata: Mapping[str, Any]) -> str:
    """Writes a model card (Mitchell et al. 2019) in Markdown.

    Args:
        name: The served model's name.
        metadata: What `assets.extra/tfapp.json` holds.

    Returns:
        Markdown.
    """
    sections = [
        f"# {name}",
        f"A model for {metadata['task']}, fine-tuned from `{metadata['preset']}` with tfapp "
        f"{metadata['tfapp_version']}. It takes {_TASKS[metadata['task']].takes} and answers {_answer(metadata)}.",
        "## Data\n\n" + _table(metadata["data"]),
        "## Metrics\n\n" + (_table(metadata["metrics"]) if metadata["metrics"] else "Not evaluated before export."),
        "## Limits\n\n" + _limits(metadata),
        "## Call it\n\n" + _call(name, metadata["task"]),
        "## Settings\n\n```toml\n" + metadata["settings"].strip() + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _answer(metadata: Mapping[str, Any]) -> str:
    labels = ", ".join(f"`{label}`" for label in metadata["labels"])
    known = f"{'any' if metadata['multi_label'] else 'one'} of {len(metadata['labels'])} labels: {labels}"
    return _TASKS[metadata["task"]].answers.format(labels=known)


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _limits(metadata: Mapping[str, Any]) -> str:
    card = _TASKS[metadata["task"]]
    limits = [
        card.length.format(max_length=metadata["max_length"]),
        card.outside,
        "Its scores are as good as its data: texts of another kind, language or time than the training data "
        "are answered worse than the metrics above say.",
        f"Before it was published its answers differed from the Keras model's by at most "
        f"{metadata['verified_difference']:.1g}.",
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _call(name: str, task: str) -> str:
    return (
        f'```python\nfrom tfapp_client import Client\n\nwith Client("localhost:8500") as client:\n'
        f"    print(client.{_TASKS[task].call.format(name=name)})\n```"
    )
