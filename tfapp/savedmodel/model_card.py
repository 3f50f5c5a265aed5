"""The model card of an exported version: its data, metrics, limits and calls, for people who want to use it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tfapp.config.task_settings import CardWords
from tfapp.savedmodel.signatures import classic_signature

__all__ = ["model_card"]


def model_card(name: str, metadata: Mapping[str, Any], words: CardWords) -> str:
    """Writes a model card (Mitchell et al. 2019) in Markdown, from the metadata in `assets.extra/tfapp.json`."""
    origin = "fine-tuned from" if metadata["data"] else "exported from the untouched"
    sections = [
        f"# {name}",
        f"A model for {metadata['task']}, {origin} `{metadata['preset']}` with tfapp {metadata['tfapp_version']}. "
        f"{_average(metadata.get('average_of', ()))}It takes {words.takes} and answers {_answer(metadata, words)}.",
        "## Data\n\n" + (_table(metadata["data"]) if metadata["data"] else "The preset's own training data."),
        *_bullets("What was found in the data, and what was done with the rows:", metadata.get("findings", ())),
        "## Metrics\n\n" + (_table(metadata["metrics"]) if metadata["metrics"] else "Not evaluated before export."),
        *_calibration(metadata.get("calibration")),
        *_bullets("What that means for the next model:", metadata.get("advice", ())),
        *_precision(metadata.get("precision_choice")),
        "## Limits\n\n" + _limits(metadata, words),
        "## Call it\n\n" + _call(name, words) + _rest_call(name, metadata["contract"]),
        "## Settings\n\n```toml\n" + metadata["settings"].strip() + "\n```",
    ]
    return "\n\n".join(sections) + "\n"


def _answer(metadata: Mapping[str, Any], words: CardWords) -> str:
    labels = ", ".join(f"`{label}`" for label in metadata["labels"])
    text = f"{'any' if metadata['multi_label'] else 'one'} of {len(metadata['labels'])} labels: {labels}"
    return words.answers.format(labels=text)


def _average(members: Sequence[str]) -> str:
    return f"Its weights are the mean of those of {', '.join(f'`{name}`' for name in members)}. " if members else ""


def _bullets(lead: str, items: Sequence[str]) -> list[str]:
    lines = "\n".join(f"- {_cell(item)}" for item in items)
    return [f"{lead}\n\n{lines}"] if items else []


def _table(values: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in values.items())
    return f"| | |\n|---|---|\n{rows}"


def _calibration(metadata: Mapping[str, Any] | None) -> list[str]:
    if metadata is None:
        return []
    words = (
        "Probabilities are made of logits divided by a temperature that was fitted on held-out rows (Guo et al. 2017); "
        "the figures are of the rows of the metrics above, `uncalibrated` those of temperature 1."
        if "held_out_rows" in metadata
        else "The probabilities are the network's own."
    )
    return [f"## Calibration\n\n{words}\n\n{_table(metadata)}"]


def _precision(choice: Mapping[str, Any] | None) -> list[str]:
    """Returns what was measured where the export chose the precision."""
    if choice is None:
        return []
    lines = [f"## Precision\n\n{_cell(choice['sentence'])}"]
    if choice["measured"]:
        rows = "\n".join(
            f"| {row['name']} | {row['texts_per_second']:.0f} | {row['score']:.4f} |" for row in choice["measured"]
        )
        lines.append(f"| | texts per second, requests of 32 | {choice['score_name']} on dev |\n|---|---|---|\n{rows}")
    return lines


def _cell(value: Any) -> str:
    text = f"{value:.4f}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _limits(metadata: Mapping[str, Any], words: CardWords) -> str:
    limits = [
        words.reads.format(max_length=metadata["max_length"]),
        words.knows or _foreign_task(metadata),
        "The metrics hold for texts like the training data. On texts of another kind, language or time, the "
        "model does worse.",
        _computation(metadata),
    ]
    return "\n".join(f"- {limit}" for limit in limits)


def _computation(metadata: Mapping[str, Any]) -> str:
    if metadata["verified_difference"] is not None:
        return (
            "Before publication, its answers differed from the Keras model's by at most "
            f"{metadata['verified_difference']:.1g}."
        )
    scores = metadata.get("precision_check")
    score = (
        f"{scores['score_name']} on dev {scores['score']:.4f}, {scores['exact_score']:.4f} in float32"
        if scores
        else "not evaluated"
    )
    return f"It computes in fewer bits than the float32 of its training ({metadata['precision']}): {score}."


def _foreign_task(metadata: Mapping[str, Any]) -> str:
    if metadata["unknown_label"] is None:
        return "It knows only its labels: even a text about something else gets one of them."
    return (
        f"A text about something else should be answered `{metadata['unknown_label']}`; the metrics above say "
        "how often that happens, and how often by mistake."
    )


def _call(name: str, words: CardWords) -> str:
    call = words.call.format(name=name)
    return (
        f"`tfapp models promote {name} VERSION` gives a version the label `stable`; ask for that one:\n\n"
        f'```python\nfrom tfapp_client import Client\n\nwith Client("localhost:8500") as client:\n'
        f'    print(client.{call[:-1]}, label="stable"))\n```\n\n'
        f"While no version has it, leave it out:\n\n```python\nclient.{call}\n```"
    )


def _rest_call(name: str, contract: Mapping[str, Any]) -> str:
    """Returns the Classify or Regress call over REST, whose signature has a name of its own; empty: there is none."""
    verb = classic_signature({output["name"] for output in contract["outputs"]})
    if not verb:
        return ""
    example = {tensor["name"]: f"a {tensor['name']}" for tensor in contract["inputs"]}
    body = json.dumps({"signature_name": verb, "examples": [example]})
    url = f"http://localhost:8501/v1/models/{quote(name)}/labels/stable:{verb}"
    return (
        f"\n\nOver REST, `:{verb}` needs the signature's name:\n\n```sh\ncurl -d '{body}' {url}\n```\n\n"
        "While no version has the label `stable`, leave out `/labels/stable`."
    )
