"""The evaluation as people see it: a page that stands alone, and the short form in Jupyter."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tfapp._old_names import refuse_old_arguments
from tfapp.core.files import write_text
from tfapp.core.wording import pluralize
from tfapp.errors import ModelError
from tfapp.evaluation import plots
from tfapp.evaluation.run_summary import RunSummary
from tfapp.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

__all__ = ["check_evaluation", "render_report", "render_summary", "write_report"]

_TEMPLATES = Path(__file__).parent / "templates"


class ReportSubject(Protocol):
    """The part of an evaluation that the report uses itself; the templates of its kind use the rest."""

    def figures(self) -> dict[str, tuple[Figure, str]]:
        """Returns the drawings of the page by name, each with its description."""

    def display(self, score: float) -> str:
        """Returns a main score as the page shows it."""

    def templates(self) -> Path:
        """Returns the folder of the templates of its kind."""


def check_evaluation(kind: type[Any]) -> None:
    """Checks that a task's evaluation can be made and shown, before a training takes its time.

    Args:
        kind: The class of the evaluation.

    Raises:
        ModelError: A member or a template is missing.
    """
    missing_members = sorted(kind.__abstractmethods__)
    if missing_members:
        raise ModelError(f"{kind.__name__} has no {', '.join(missing_members)}; an evaluation defines them")
    template_names = _environment(kind.templates()).list_templates()
    for name in (f"{kind.kind}.report.html.jinja", f"{kind.kind}.summary.html.jinja"):
        if name not in template_names:
            raise ModelError(f"{kind.__name__} has no template {name}; expected it in {kind.templates()}")


@refuse_old_arguments(facts="metadata")
def write_report(
    evaluation: ReportSubject,
    path: Path | str,
    *,
    title: str,
    metadata: Mapping[str, str],
    summary: RunSummary | None = None,
    choices: Sequence[str] = (),
    candidates: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Writes report.html: headline, metadata, the sections of the evaluation's kind, and the run's summary.

    The page needs no script and no other file. It appears at once and whole, by a rename.

    Args:
        evaluation: What to report.
        path: The page's path; its folder must exist.
        title: The page's title.
        metadata: What was evaluated (model, data, settings), shown in this order.
        summary: What the run did; None: the report is of an evaluation alone.
        choices: What was chosen for the data and why, "name: reason" each.
        candidates: What was compared on dev, as `candidates.json` of a run has it.

    Returns:
        The path.
    """
    target = Path(path)
    page = render_report(
        evaluation, title=title, metadata=metadata, summary=summary, choices=choices, candidates=candidates
    )
    write_text(target, page)
    return target


@refuse_old_arguments(facts="metadata")
def render_report(
    evaluation: ReportSubject,
    *,
    title: str,
    metadata: Mapping[str, str],
    summary: RunSummary | None = None,
    choices: Sequence[str] = (),
    candidates: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Returns the page that `write_report` writes."""
    page = _environment(evaluation.templates()).get_template("report.html.jinja")
    return page.render(
        evaluation=evaluation,
        title=title,
        metadata=metadata,
        summary=summary,
        choices=[choice.partition(": ")[::2] for choice in choices],
        candidates=candidates,
        drawings=_drawings(evaluation) | (_drawings(summary) if summary else {}),
        version=__version__,
    )


def render_summary(evaluation: ReportSubject) -> str:
    """Returns the headline, the scores and the drawings, as a piece of HTML for a notebook."""
    template = _environment(evaluation.templates()).get_template("summary.html.jinja")
    return template.render(evaluation=evaluation, drawings=_drawings(evaluation))


def _drawings(evaluation: ReportSubject | RunSummary) -> dict[str, str]:
    """Returns SVG by name."""
    from markupsafe import Markup

    # to_svg escapes every text in the drawing.
    return {name: Markup(plots.to_svg(figure, words)) for name, (figure, words) in evaluation.figures().items()}


@functools.cache
def _environment(folder: Path) -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([_TEMPLATES, folder]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(score="{:.3f}".format, pluralize=pluralize)
    return environment
