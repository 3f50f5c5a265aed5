"""The README of an exported version: what a person wants to know before using the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["model_card"]

_PAIRS: Final = "pairs of raw texts, a query and a candidate,"
_CUT: Final = "Texts are cut after {max_length} tokens; what follows is not read."


@dataclass(frozen=True)
class _Words:
    """What the card says of a task.

    Attributes:
        takes: What the model takes.
        call: How the client calls it.
        answers: What it answers; `labels` stands for its labels.
        knows: What is beyond it; None: what is none of its labels.
        reads: How much of a text it reads.
    """

    takes: str
    call: str
    answers: str = "{labels}"
    knows: str | None = None
    reads: str = _CUT


_TASKS: Final = {
    "classification": _Words("raw text", 'classify("{name}", ["a text"])'),
    "pair-classification": _Words(_PAIRS, 'classify_pairs("{name}", [("a query", "a candidate")])'),
    "ranking": _Words(
        _PAIRS,
        'rank("{name}", "a query", ["a candidate", "another"])',
        answers="a score from 0 to 1, the higher the better they fit",
        knows="It says of any two texts how well they fit, of such as have nothing to do with its data, too.",
    ),
    "embedding": _Words(
        "raw text",
        'embed("{name}", ["a text"])',
        answers="a vector of length 1: the more two texts belong together, the more theirs point the same way",
        knows="No cosine is a border between what fits and what does not everywhere: find yours on texts of your own.",
    ),
    "tagging": _Words(
        "raw text",
        'tag("{name}", ["a text"])',
        answers="the spans that it finds in it, each with {labels}",
        knows="It finds spans of these types and no others; what is new or spelt otherwise it may miss.",
        reads="Texts of more than {max_length} tokens are read in windows that overlap, so that context ends there.",
    ),
    "answering": _Words(
        "raw texts, a question and a context,",
        'answer("{name}", [("a question", "a context")])',
        answers="the words of the context that answer the question, their place in Unicode code points, and a score",
        knows="It copies words of the context and does not reason. That a context does not answer (no words, the place "
        "-1) it says only if it learnt from such questions.",
        reads="Contexts are read in windows of {max_length} tokens, each with the question; of a very long one only as "
        "many windows as model.max_windows says.",
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
        f"It takes {_TASKS[metadata['task']].takes} and answers {_answer(metadata)}.",
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
    words = _TASKS[metadata["task"]]
    limits = [
        words.reads.format(max_length=metadata["max_length"]),
        words.knows or _foreign(metadata),
        "Its scores are as good as its data: texts of another kind, language or time than the training data "
        "are answered worse than the metrics above say.",
        _computed(metadata),
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _computed(metadata: Mapping[str, Any]) -> str:
    if metadata["verified_difference"] is not None:
        return (
            "Before it was published its answers differed from the Keras model's by at most "
            f"{metadata['verified_difference']:.1g}."
        )
    scores = metadata.get("precision_check")
    found = (
        f"{scores['score_name']} on dev {scores['score']:.4f}, {scores['exact_score']:.4f} in float32"
        if scores
        else "not evaluated"
    )
    return f"It computes in less than the float32 that it was trained in ({metadata['precision']}): {found}."


def _foreign(metadata: Mapping[str, Any]) -> str:
    if metadata["unknown_label"] is None:
        return "It knows no answer but its labels: a text about something else gets one of them too."
    return (
        f"A text about something else should be answered `{metadata['unknown_label']}`; the metrics above say how "
        "often it is, and how often by mistake."
    )


def _call(name: str, task: str) -> str:
    call = _TASKS[task].call.format(name=name)
    return (
        f'```python\nfrom tfapp_client import Client\n\nwith Client("localhost:8500") as client:\n'
        f"    print(client.{call})\n```\n\n"
        f"Once a version has the label `stable` (`tfapp models promote {name} VERSION`), ask for that one:\n\n"
        f'```python\nclient.{call[:-1]}, label="stable")\n```'
    )
