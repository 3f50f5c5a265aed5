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
    "answering": ("raw texts, a question and a context,", 'answer("{name}", [("a question", "a context")])'),
}

# Of tasks without labels: what the model answers, and what it does not know.
_WITHOUT_LABELS: Final = {
    "ranking": (
        "a score from 0 to 1, the higher the better they fit",
        "It says of any two texts how well they fit, of such as have nothing to do with its data, too.",
    ),
    "answering": (
        "the words of the context that answer the question, with their place in Unicode code points and a score",
        "It copies words of the context and does not reason. That a context does not answer (no words, the place -1) "
        "it says only if it learnt from such questions.",
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
        f"{metadata['tfapp_version']}. It takes {_TASKS[metadata['task']][0]} and answers {_answer(metadata)}.",
        "## Data\n\n" + _table(metadata["data"]),
        "## Metrics\n\n" + (_table(metadata["metrics"]) if metadata["metrics"] else "Not evaluated before export."),
        "## Limits\n\n" + _limits(metadata),
        "## Call it\n\n" + _call(name, metadata["task"]),
        "## Settings\n\n```toml\n" + metadata["settings"].strip() + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _answer(metadata: Mapping[str, Any]) -> str:
    if not metadata["labels"]:
        return _WITHOUT_LABELS[metadata["task"]][0]
    labels = ", ".join(f"`{label}`" for label in metadata["labels"])
    return f"{'any' if metadata['multi_label'] else 'one'} of {len(metadata['labels'])} labels: {labels}"


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _limits(metadata: Mapping[str, Any]) -> str:
    limits = [
        f"Texts are cut after {metadata['max_length']} tokens; what follows is not read.",
        "It knows no answer but its labels: a text about something else gets one of them too.",
        "Its scores are as good as its data: texts of another kind, language or time than the training data "
        "are answered worse than the metrics above say.",
        f"Before it was published its answers differed from the Keras model's by at most "
        f"{metadata['verified_difference']:.1g}.",
    ]
    if not metadata["labels"]:
        limits[1] = _WITHOUT_LABELS[metadata["task"]][1]
    if metadata["task"] == "answering":
        limits[0] = (
            f"Contexts are read in windows of {metadata['max_length']} tokens, each with the question; of a very long "
            "one only as many windows as model.max_windows says."
        )
    return "\n".join(f"- {limit}" for limit in limits)


def _call(name: str, task: str) -> str:
    return (
        f'```python\nfrom tfapp_client import Client\n\nwith Client("localhost:8500") as client:\n'
        f"    print(client.{_TASKS[task][1].format(name=name)})\n```"
    )
