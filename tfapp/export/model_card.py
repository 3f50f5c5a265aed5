"""The README of an exported version: what a person wants to know before using the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["model_card"]

_PAIRS: Final = "pairs of raw texts, a query and a candidate,"

# Of each task: what the model takes, and how it is called.
_TASKS: Final = {
    "classification": ("raw text", 'classify("{name}", ["a text"])'),
    "pair-classification": (_PAIRS, 'classify_pairs("{name}", [("a query", "a candidate")])'),
    "ranking": (_PAIRS, 'rank("{name}", "a query", ["a candidate", "another"])'),
    "embedding": ("raw text", 'embed("{name}", ["a text"])'),
}

# Of tasks without labels: what the model answers, and what that does not mean.
_ANSWERS: Final = {
    "ranking": (
        "a score from 0 to 1, the higher the better they fit",
        "It says of any two texts how well they fit, of such as have nothing to do with its data, too.",
    ),
    "embedding": (
        "a vector of length 1: the more two texts belong together, the more theirs point the same way",
        "No cosine is a border between what fits and what does not everywhere: find yours on texts of your own.",
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
        f"A model for {metadata['task']}, {_origin(metadata)} with tfapp {metadata['tfapp_version']}. "
        f"It takes {_TASKS[metadata['task']][0]} and answers {_answer(metadata)}.",
        "## Data\n\n" + (_table(metadata["data"]) if metadata["data"] else "Those that the preset was trained on."),
        "## Metrics\n\n" + (_table(metadata["metrics"]) if metadata["metrics"] else "Not evaluated before export."),
        "## Limits\n\n" + _limits(metadata),
        "## Call it\n\n" + _call(name, metadata["task"]),
        "## Settings\n\n```toml\n" + metadata["settings"].strip() + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _origin(metadata: Mapping[str, Any]) -> str:
    return f"{'fine-tuned from' if metadata['data'] else 'exported from the untouched'} `{metadata['preset']}`"


def _answer(metadata: Mapping[str, Any]) -> str:
    if not metadata["labels"]:
        return _ANSWERS[metadata["task"]][0]
    labels = ", ".join(f"`{label}`" for label in metadata["labels"])
    return f"{'any' if metadata['multi_label'] else 'one'} of {len(metadata['labels'])} labels: {labels}"


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _limits(metadata: Mapping[str, Any]) -> str:
    if metadata.get("unknown_label"):
        foreign = (
            f"A text about something else should be answered `{metadata['unknown_label']}`; the metrics above say how "
            "often it is, and how often by mistake."
        )
    elif metadata["labels"]:
        foreign = "It knows no answer but its labels: a text about something else gets one of them too."
    else:
        foreign = _ANSWERS[metadata["task"]][1]
    limits = [
        f"Texts are cut after {metadata['max_length']} tokens; what follows is not read.",
        foreign,
        "Its scores are as good as its data: texts of another kind, language or time than the training data "
        "are answered worse than the metrics above say.",
        f"Before it was published its answers differed from the Keras model's by at most "
        f"{metadata['verified_difference']:.1g}.",
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _call(name: str, task: str) -> str:
    return (
        f'```python\nfrom tfapp_client import Client\n\nwith Client("localhost:8500") as client:\n'
        f"    print(client.{_TASKS[task][1].format(name=name)})\n```"
    )
