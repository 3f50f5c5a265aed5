"""Model cards as HTML."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

__all__ = ["render"]


def render(text: str) -> Markup:
    """Makes HTML of Markdown; HTML in it is shown as text, and links that run something are no links."""
    return Markup(_parser().render(text))


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")
