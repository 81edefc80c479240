"""`mg.draw`: the tape as SVG and Mermaid, with shapes and sizes of gradients, and the graph as it was."""

import random
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import minigan as mg
from minigan import nn
from minigan.observers.layout import GAP_X, layout

SVG = "{http://www.w3.org/2000/svg}"


def boxes(drawing):
    """The texts of each box in the SVG."""
    root = ElementTree.fromstring(drawing.svg)
    return [[text.text for text in group.iter(f"{SVG}text")] for group in root.iter(f"{SVG}g")]


def rectangles(drawing):
    names = ("x", "y", "width", "height")
    root = ElementTree.fromstring(drawing.svg)
    found = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g")]
    return [[float(rect.get(name)) for name in names] for rect in found]


def network():
    mg.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))


# ---- what is drawn ---------------------------------------------------------------------------------------


def test_every_operation_and_leaf_is_a_box_with_its_name_shape_and_type():
    found = boxes(mg.draw(network()(mg.randn(5, 3)).sum()))
    assert sorted(box[0] for box in found) == sorted(
        ["0.weight", "0.bias", "2.weight", "2.bias", "linear", "tanh", "linear", "sum"]
    )
    shapes = {box[0]: box[1] for box in found}
    assert shapes["0.weight"] == "(4, 3) float32"
    assert shapes["tanh"] == "(5, 4) float32"
    assert shapes["sum"] == "() float32"


def test_the_sizes_are_the_norms_of_the_gradients():
    net, x = network(), mg.randn(5, 3)
    found = {box[0]: box[2] for box in boxes(mg.draw((net(x) ** 2).sum()))}
    hidden = net[1](net[0](x))
    hidden.retain_grad()
    (net[2](hidden) ** 2).sum().backward()
    assert found["tanh"] == f"|g| {np.linalg.norm(hidden.grad):.3g}"
    for name, parameter in net.named_parameters():
        assert found[name] == f"|g| {np.linalg.norm(parameter.grad):.3g}"


def test_a_leaf_that_is_used_twice_is_one_box_with_the_whole_gradient():
    w = mg.tensor([3.0], requires_grad=True)
    found = boxes(mg.draw(w * 2 + w * w))
    assert [box for box in found if box[0] == "tensor"] == [["tensor", "(1,) float32", "|g| 8"]]


def test_what_takes_no_gradient_is_not_drawn_and_what_gets_none_says_so():
    x, c = mg.ones(2, requires_grad=True), mg.ones(2)
    found = boxes(mg.draw(mg.where(x > 0, x * c, mg.sign(x) * 0.0).sum()))
    assert ["sign", "(2,) float32", "|g| 0"] in found
    assert len([box for box in found if box[0] == "tensor"]) == 1
    y = mg.ones(2, requires_grad=True)
    (gy,) = mg.grad(nn.functional.leaky_relu(y, 0.1).sum(), y, create_graph=True)
    with pytest.raises(mg.GraphError):
        mg.draw(gy.detach())


def test_several_outputs_of_any_shape_are_one_picture():
    x = mg.ones(2, 3, requires_grad=True)
    hidden = x * 2
    drawing = mg.draw([hidden.sum(), mg.exp(hidden)])
    assert sorted(box[0] for box in boxes(drawing)) == ["exp", "mul", "sum", "tensor"]
    kinds = re.findall(r'class="box (\w+)"', drawing.svg)
    assert sorted(kinds) == ["leaf", "op", "output", "output"]
    assert {box[0]: box[2] for box in boxes(mg.draw(hidden))}["mul"] == f"|g| {6**0.5:.3g}"


def test_a_leaf_alone_can_be_drawn():
    assert boxes(mg.draw(nn.Parameter(mg.ones(2)))) == [["parameter", "(2,) float32", "|g| 1.41"]]


def test_pointing_at_an_operation_shows_its_formula_and_settings():
    x = mg.ones(2, requires_grad=True)
    svg = mg.draw(nn.functional.leaky_relu(x, 0.25).sum()).svg
    assert "negative_slope=0.25</title>" in svg
    assert "<title>y = x where x &gt; 0, else negative_slope x." in svg


def test_a_double_backward_is_drawn_whole():
    x = mg.ones(2, requires_grad=True)
    (gx,) = mg.grad(mg.tanh(x).sum(), x, create_graph=True)
    assert "tanh_grad" in [box[0] for box in boxes(mg.draw((gx * gx).sum()))]


# ---- the graph stays as it was ---------------------------------------------------------------------------


def test_drawing_touches_no_gradient_and_frees_nothing():
    net, x = network(), mg.randn(5, 3, requires_grad=True)
    hidden = net[0](x)
    hidden.retain_grad()
    loss = net[2](net[1](hidden)).sum()
    first = mg.draw(loss).svg
    assert all(p.grad is None for p in net.parameters())
    assert x.grad is None
    assert hidden.grad is None
    assert mg.draw(loss).svg == first
    loss.backward()
    assert all(p.grad is not None for p in net.parameters())


def test_drawing_under_no_grad_records_nothing_and_changes_no_mode():
    y = (mg.ones(2, requires_grad=True) * 2).sum()
    with mg.no_grad():
        mg.draw(y)
        assert not (mg.ones(2, requires_grad=True) * 2).requires_grad
    assert (mg.ones(2, requires_grad=True) * 2).requires_grad


# ---- the texts -------------------------------------------------------------------------------------------


def test_the_svg_is_valid_and_escapes_names():
    w = mg.ones(1, requires_grad=True)
    w.name = '<G & "D">'
    drawing = mg.draw((w * 2).sum())
    assert boxes(drawing)[0][0] == '<G & "D">'
    assert 'n0(["&lt;G &amp; #quot;D#quot;&gt;<br/>' in drawing.mermaid


def test_the_same_program_gives_the_same_picture():
    def picture():
        drawing = mg.draw(network()(mg.ones(5, 3)).sum())
        return drawing.svg, drawing.mermaid

    assert picture() == picture()


def test_it_can_be_read_on_light_and_dark_pages():
    svg = mg.draw(mg.ones(1, requires_grad=True) * 2).svg
    assert "prefers-color-scheme: dark" in svg
    light, dark = svg.split("@media")[0], svg.split("@media")[1]
    colors = re.compile(r"--(\w+): #(\w{6})")
    assert dict(colors.findall(light)).keys() == dict(colors.findall(dark)).keys() >= {"ink", "paper", "op", "leaf"}
    for theme in (light, dark):
        found = dict(colors.findall(theme))
        for ink in ("ink", "faint"):
            assert all(contrast(found[ink], found[ground]) > 4.5 for ground in ("op", "leaf", "output"))


def contrast(a, b):
    """The contrast of two colors as WCAG 2 defines it; 4.5 is enough for text."""

    def luminance(color):
        parts = [int(color[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear))

    dark, light = sorted([luminance(a), luminance(b)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(("name", "kind"), [("tape.svg", "svg"), ("tape.mmd", "mermaid"), ("TAPE.SVG", "svg")])
def test_it_is_saved_as_the_name_ends(tmp_path, name, kind):
    drawing = mg.draw(mg.ones(1, requires_grad=True) * 2, tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8") == getattr(drawing, kind)
    assert drawing._repr_svg_() == drawing.svg


def test_what_cannot_be_drawn_is_told(tmp_path):
    x = mg.ones(2, requires_grad=True)
    with pytest.raises(mg.ConfigError, match=r"ends with \.svg or \.mmd, but got 'tape.png'"):
        mg.draw(x * 2, "tape.png")
    for nothing in (mg.ones(2), 3.0):
        with pytest.raises(mg.GraphError, match="draw: expected an output that requires a gradient"):
            mg.draw(nothing)
    y = mg.tanh(x).sum()
    y.backward()
    with pytest.raises(mg.GraphError, match=r"draw: backward went through this graph.*retain_graph=True"):
        mg.draw(y)


def test_a_graph_too_large_to_read_is_refused():
    y = mg.ones(2, requires_grad=True)
    for _ in range(10_000):
        y = y + 1
    with pytest.raises(mg.GraphError, match=r"draw: the graph has 10,000 operations, .* more than 1,000"):
        mg.draw(y)


# ---- geometry --------------------------------------------------------------------------------------------


def overlaps(places):
    places = np.array(places)
    (x, y, w, h), n = places.T, len(places)
    apart_x = (x[:, None] + w[:, None] <= x + 0.2) | (x + w <= x[:, None] + 0.2)
    apart_y = (y[:, None] + h[:, None] <= y + 0.2) | (y + h <= y[:, None] + 0.2)
    return int((~(apart_x | apart_y)).sum()) - n


def random_graph(n, seed):
    draw = random.Random(seed)
    pairs = {(draw.randrange(max(0, b - 12), b), b) for b in range(1, n) for _ in range(2)}
    return [(draw.uniform(30, 200), draw.uniform(20, 60)) for _ in range(n)], sorted(pairs)


@pytest.mark.parametrize(("n", "seed"), [(1, 0), (2, 0), (30, 1), (500, 2)])
def test_boxes_do_not_overlap_and_arrows_lead_down(n, seed):
    sizes, links = random_graph(n, seed)
    found = layout(sizes, links)
    corners = [(x - w / 2, y - h / 2, w, h) for (x, y), (w, h) in zip(found.centers, sizes, strict=True)]
    assert overlaps(corners) == 0
    for x, y, w, h in corners:
        assert x >= 0
        assert y >= 0
        assert x + w <= found.width
        assert y + h <= found.height
    for a, b in links:
        route = found.routes[a, b]
        heights = [y for _, y in route]
        assert heights == sorted(heights)
        assert route[0] == (found.centers[a][0], found.centers[a][1] + sizes[a][1] / 2)
        assert route[-1] == (found.centers[b][0], found.centers[b][1] - sizes[b][1] / 2)


def test_arrows_pass_beside_the_boxes_of_the_rows_between():
    sizes, links = random_graph(30, 1)
    found = layout(sizes, links)
    for route in found.routes.values():
        for x, y in route[1:-1]:
            for (cx, cy), (w, h) in zip(found.centers, sizes, strict=True):
                assert abs(x - cx) >= w / 2 + GAP_X - 0.1 or abs(y - cy) >= h / 2


def test_a_chain_is_straight_and_neighbours_in_a_tree_do_not_cross():
    chain = layout([(50.0, 20.0)] * 6, [(i, i + 1) for i in range(5)])
    assert len({x for x, _ in chain.centers}) == 1
    tree = layout([(50.0, 20.0)] * 7, [(0, 4), (1, 5), (2, 4), (3, 5), (4, 6), (5, 6)])
    x = [center[0] for center in tree.centers]
    assert (max(x[0], x[2]) < min(x[1], x[3])) == (x[4] < x[5])


def test_a_network_is_laid_out_without_overlaps():
    drawing = mg.draw(network()(mg.randn(5, 3)).sum())
    assert overlaps(rectangles(drawing)) == 0


def test_a_long_chain_with_one_shared_leaf_is_drawn():
    x = mg.ones(2, requires_grad=True)
    y = x
    for _ in range(250):
        y = mg.tanh(y) * x
    assert len(boxes(mg.draw(y))) == 501
