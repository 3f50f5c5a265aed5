"""The drawings: well-formed, complete, and nothing in them cut or mistaken for markup."""

from __future__ import annotations

import re
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest

from tfapp.evaluation import metrics, plots
from tfapp.evaluation.precision_recall import PrecisionRecall, precision_recall

LONG = [f"card_payment_wrong_exchange_rate_{k}" for k in range(77)]
CJK = ["体育新闻", "経済ニュース", "기술과학", "政治和国际关系以及其他的一些非常长的标签名称以及更多"]


def _matrix(size: int) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 30, (size, size))


def _curves(size: int) -> list[PrecisionRecall]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, size, 300)
    return [precision_recall(f"label {k}", truth == k, rng.random(300)) for k in range(size)]


def _texts(svg: str) -> list[ElementTree.Element]:
    return [node for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("labels", [["no", "yes"], ["a"], CJK, LONG])
def test_every_name_stands_on_both_sides_inside_the_picture(labels):
    svg = plots.to_svg(plots.draw_confusion(labels, _matrix(len(labels))), "Confusion matrix")

    root = ElementTree.fromstring(svg)
    width, height = (float(value) for value in root.get("viewBox").split()[2:])
    names = [
        node for node in _texts(svg) if node.text.rstrip("…") and any(x.startswith(node.text[:12]) for x in labels)
    ]
    assert len(names) == 2 * len(labels)
    for node in names:
        x, y, angle = _place(node)
        size = float(re.search(r"font-size: ([\d.]+)px", node.get("style"))[1])
        reach = size * sum(1.0 if ord(c) > 0x2E7F else 0.6 for c in node.text)
        # matplotlib writes points; a text ends at its anchor, begins there, or is centred on it.
        start = {"end": -reach, "middle": -reach / 2}.get(_anchor(node), 0.0)
        for along in (start, start + reach):
            assert -1 <= x + along * np.cos(angle) <= width + 1
            assert -1 <= y + along * np.sin(angle) <= height + 1


def _place(node: ElementTree.Element) -> tuple[float, float, float]:
    transform = node.get("transform") or ""
    angle = np.radians(float((re.search(r"rotate\((-?[\d.]+)", transform) or [0, "0"])[1]))
    if node.get("x"):
        return float(node.get("x")), float(node.get("y")), angle
    x, y = re.search(r"translate\(([-\d.]+)[ ,]+([-\d.]+)", transform).groups()
    return float(x), float(y), angle


def _anchor(node: ElementTree.Element) -> str:
    return (re.search(r"text-anchor: (\w+)", node.get("style")) or [0, "start"])[1]


def test_counts_are_printed_where_they_fit():
    small = plots.to_svg(plots.draw_confusion(["a", "b"], [[1234, 5], [0, 678]]), "x")
    large = plots.to_svg(plots.draw_confusion(LONG, np.full((77, 77), 9)), "x")

    assert {"1234", "5", "678"} <= {node.text for node in _texts(small)}
    assert "0" not in {node.text for node in _texts(small)}
    assert "9" not in {node.text for node in _texts(large)}


def test_empty_cells_are_not_painted():
    diagonal = plots.to_rgb(plots.draw_confusion(["a", "b"], [[4, 0], [0, 4]])).astype(int)
    pixels = plots.to_rgb(plots.draw_confusion(["a", "b"], [[4, 4], [0, 4]])).astype(int)

    def orange(image: np.ndarray) -> int:
        return int((image[..., 0] - image[..., 2] > 30).sum())

    assert orange(diagonal) == 0
    assert orange(pixels) > 500


@pytest.mark.parametrize(
    "figure",
    [
        lambda: plots.draw_confusion(["<script>", "$x_1$"], [[1, 2], [3, 4]]),
        lambda: plots.draw_calibration(
            metrics.calibration_curve(np.array([0.2, 0.9, 0.95]), np.array([False, True, True]))
        ),
        lambda: plots.draw_calibration(metrics.calibration_curve(np.array([]), np.array([], bool))),
        lambda: plots.draw_curves(_curves(4)),
        lambda: plots.draw_curves(_curves(30)),
        lambda: plots.draw_curves([]),
    ],
)
def test_svg_is_well_formed_stable_and_keeps_to_itself(figure):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = plots.to_svg(figure(), "A drawing")

    ElementTree.fromstring(svg)
    assert svg == plots.to_svg(figure(), "A drawing")
    assert "<style" not in svg
    assert "DejaVu" not in svg
    assert 'aria-label="A drawing"' in svg
    references = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    assert set(re.findall(r' id="([^"]+)"', svg)) == references


def test_names_are_text_not_markup_or_mathematics():
    svg = plots.to_svg(plots.draw_confusion(["<script>", "$x_1$ \n\x07"], [[1, 2], [3, 4]]), "x")

    assert "<script" not in svg
    assert [node.text for node in _texts(svg)].count("$x_1$") == 2


def test_text_takes_the_pages_colour():
    svg = plots.to_svg(plots.draw_confusion(["a", "b"], [[1, 2], [3, 4]]), "x")

    assert "fill: currentColor" in svg
    assert "#1f2328" not in svg


def test_two_drawings_in_one_page_share_no_names():
    ids = [
        set(re.findall(r' id="([^"]+)"', plots.to_svg(plots.draw_curves(_curves(4)), description)))
        for description in ("one", "two")
    ]

    assert ids[0]
    assert not ids[0] & ids[1]


def test_rgb_is_dark_on_white_and_scales():
    figure = plots.draw_confusion(["a", "b"], [[1, 0], [0, 1]])

    image = plots.to_rgb(figure, scale=1)
    double = plots.to_rgb(figure, scale=2)

    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert (image[0, 0] == 255).all()
    assert image.min() < 80
    assert double.shape[0] == pytest.approx(2 * image.shape[0], abs=2)


def test_many_curves_name_the_lowest_five():
    svg = plots.to_svg(plots.draw_curves(_curves(30)), "x")

    assert sum(node.text.startswith("label ") for node in _texts(svg)) == 5
    assert "average precision: the lowest 5 of 30" in svg


def test_pyplot_holds_none_of_the_figures():
    from matplotlib import pyplot

    plots.to_rgb(plots.draw_confusion(["a"], [[1]]))
    plots.to_svg(plots.draw_curves([]), "x")

    assert pyplot.get_fignums() == []
