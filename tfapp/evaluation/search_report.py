"""Renders the page of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfapp.evaluation import plots
from tfapp.evaluation.report import _TEMPLATES, _environment
from tfapp.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SearchPage", "render_search_page"]


@dataclass(frozen=True)
class SearchPage:
    """The contents of the page of a search.

    Attributes:
        title: The page's title.
        headline: The result, in a line.
        best: The best trial.
        seeds: The trainings of its settings with other seeds.
        chosen: The one that the run is of; None: there is none.
        run: The run's folder; empty: there is none.
        trials: All trials, the best first.
        space: What was searched, a line each.
        drawings: Figures with descriptions: `history`, `importances` if there are any, and `slice NAME` by setting.
    """

    title: str
    headline: str
    best: Any
    seeds: Sequence[Any]
    chosen: Any
    run: str
    trials: Sequence[Any]
    space: Sequence[str]
    drawings: Mapping[str, tuple[Figure, str]]


def render_search_page(page: SearchPage) -> str:
    """Returns the page as HTML that needs no other file."""
    from markupsafe import Markup

    # to_svg escapes every text in a drawing.
    drawings = {name: Markup(plots.to_svg(figure, words)) for name, (figure, words) in page.drawings.items()}
    slices = [drawing for name, drawing in drawings.items() if name.startswith("slice ")]
    template = _environment(_TEMPLATES).get_template("search.html.jinja")
    return template.render(page=page, drawings=drawings, slices=slices, version=__version__)
