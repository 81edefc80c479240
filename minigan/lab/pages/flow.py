"""The page of the experiment flow."""

from __future__ import annotations

from html import escape

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_compared import BETWEEN, START
from minigan.lab.experiments.flow_training import Course
from minigan.lab.page import Check, Exhibit, Page, Section, power
from minigan.lab.pages import flow_tables as tables
from minigan.lab.pages.flow_lines import step_by_step
from minigan.lab.pages.flow_maps import maps
from minigan.lab.pages.flow_pixels import over_the_steps, pictures
from minigan.lab.pages.flow_style import short
from minigan.lab.pages.flow_thumb import thumb

ADAM = 0.05  # how near to lr sqrt(n) Adam's first step comes: gradients near its epsilon move a little less
KEPT = 0.1  # of the root mean square of so few draws


def page(data: Flow) -> Page:
    """What `minigan lab flow` shows."""
    sections = [_way(data), _start(data), _in_time(data), _pixels(data), _rule(data)]
    return Page("Gradients, layer by layer", _lead(data), sections, _checks(data))


def _lead(data: Flow) -> str:
    return (
        f"G learns from one number per sample: D's logit. Its gradient goes back through all layers of D, becomes a "
        f"picture of what the pixels should do, and then goes back through all layers of G. Here {data.steps[-1] + 1} "
        f"steps of the preset <code>{data.preset}</code> on MNIST"
        f"{f', with layers {data.narrow} times narrower' if data.narrow > 1 else ''}, are watched at {len(data.steps)} "
        f"of them: the preset itself, and {len(data.courses) - 1} trainings that differ from it in one thing each."
    )


def _trainings(data: Flow, group: str) -> str:
    return "; ".join(f"<b>{name}</b>: {data.courses[name].about}" for name in data.groups[group])


# ---- the way back --------------------------------------------------------------------------------------------


def _way(data: Flow) -> Section:
    preset = data.courses["preset"]
    text = [
        "In G's turn, backward starts at G's loss. The first thing it reaches is D's logit <var>s</var>, with "
        "∂<var>L</var>/∂<var>s</var>. From there each layer multiplies by its weights and by the slope of its "
        f"activation: this is the chain rule, once for each of {len(preset.layers)} layers with weights and "
        f"{len(preset.activations)} activations. A product of many factors below 1 vanishes; of many factors above 1, "
        "it explodes. Which of the two is decided by the size of the weights and by the slopes.",
        "<b>Signal</b> at a place means here: the length (L2 norm) of the gradient of a sample's own loss with respect "
        "to the numbers at that place, averaged over the batch. The place of a layer is its output, before the "
        "activation; G 1 is the layer that sees z.",
        f"First, what stands between the layers. The trainings are {_trainings(data, BETWEEN)}."
        + "".join(f" Left out: {escape(name)}, as {escape(why)}." for name, why in data.left_out.items()),
    ]
    title = "The way back: from D's logit to G's first layer"
    return Section(title, text, [_between(data), tables.layers(preset)])


def _between(data: Flow) -> Exhibit:
    named = [name for name in ("preset", "Sigmoid in D") if name in data.courses]
    costs = ", ".join(f"{_cost(data.courses[name]):.2g} ({name})" for name in named)
    caption = (
        "Left, read it from the left: the signal starts at D's logit, where it is at most 1 (it is 1 − D(G(z)) for "
        "the loss −log D), passes D's layers, then the pixels, then G's layers. A line that falls steadily is a signal "
        f"that vanishes: at step 0 each layer of D divides it on average by {costs}. Move the slider: after some steps "
        "D's weights have grown, and most lines bend up. Middle: the gradient that each layer's weights get in their "
        "player's own turn. Right: how far the weights moved, beside their size; the dotted line is the rule of thumb "
        "of 10<sup>−3</sup>. That very different gradients lie so near each other there is Adam's doing: see the last "
        "section." + _lifted(data)
    )
    return step_by_step(data, BETWEEN, "What stands between the layers, step by step", caption)


def _lifted(data: Flow) -> str:
    """What BatchNorm in D does to the signal at first."""
    if "BatchNorm in D" not in data.groups[BETWEEN]:
        return ""
    most = tables.rms(data.courses["BatchNorm in D"].kept).max()
    return (
        " BatchNorm in D divides by the spread of its batch. Fakes of a fresh G hardly differ, so that it makes small "
        f"differences large, and on the way back the signal up to {most:,.0f} times longer in one layer."
    )


def _cost(course: Course) -> float:
    """By what a layer of D divides the signal at the first step: the geometric mean over its layers."""
    return float((course.signal[-1, 0] / course.at_fake[0]) ** (1 / len(course.kept)))


# ---- where weights start -----------------------------------------------------------------------------------------


def _start(data: Flow) -> Section:
    text = [
        "A fresh layer whose weights have the standard deviation <var>s</var> makes a gradient of length <var>r</var> "
        "one of about <var>s</var> √fan_in · <var>r</var>: in the mean over random weights, "
        "‖<var>W</var><sup>T</sup><var>g</var>‖² is <var>s</var>² fan_in ‖<var>g</var>‖². Here fan_in is how many "
        "inputs a unit has, and fan_out how many units an input feeds. A rule for the start is a rule for "
        "<var>s</var>: PyTorch's default makes <var>s</var> √fan_in = 1/√3 = .58 in every layer, whatever its size. He "
        "et al. (2015) make it √2, or a little less for a LeakyReLU, which is just what the slopes of the activation "
        "take away. Glorot and Bengio (2010) "
        "balance the way there and the way back. An orthogonal matrix (Saxe et al. 2014) keeps every length on the way "
        "back, as far as the layer before it has room for it. N(0, <var>s</var>), the normal distribution of the "
        "standard deviation <var>s</var>, asks for no size at all: what is right for one layer is wrong for another.",
        f"The trainings are {_trainings(data, START)}."
        + ("" if "default" in data.courses else " The preset starts as PyTorch's layers do."),
    ]
    return Section("Where weights start", text, [_starts(data), tables.kept(data), tables.first(data)])


def _starts(data: Flow) -> Exhibit:
    courses = [data.courses[name] for name in data.groups[START]]
    first, last = ([course.at_fake[t] for course in courses] for t in (0, -1))
    caption = (
        "Left: at step 0 the lines are a fan that opens at the logit, each with the slope that the table below "
        f"predicts. At the pixels they lie between {short(min(first))} and {short(max(first))}. Move the slider: the "
        "fan closes from below. However small D's weights were, they grow until D tells real from fake, and the "
        f"signal with them: after {data.steps[-1] + 1} steps the pixels get {short(min(last))} to {short(max(last))}. "
        "Too large weights stay too large, as Adam moves each of them by about lr, however far it has to go. Middle "
        f"and right: gradients and updates, as above. {_lost(data)}"
    )
    return step_by_step(data, START, "Initialisations, step by step", caption)


def _lost(data: Flow) -> str:
    if "N(0, .002)" not in data.courses:
        return ""
    course = data.courses["N(0, .002)"]
    g = course.gradient[0, 0] / np.sqrt(course.layers[0].numbers)
    if not g < 1e-9:
        return ""
    return (
        f"With N(0, .002), a weight of G 1 got a gradient of about {power(g)} in the first step, far below Adam's ε = "
        "10<sup>−8</sup>: even Adam could not help, and G stood still until D's weights had grown."
    )


# ---- through the training ----------------------------------------------------------------------------------------


def _in_time(data: Flow) -> Section:
    text = [
        "A gradient that has vanished at the first step need not stay so: D's weights grow as it learns, and with "
        "them what passes through. So look at the whole training: each row of a map is a layer, from G's first at "
        "the bottom to D's last on top; each column is a watched step.",
    ]
    return Section("Through the training", text, [maps(data), tables.silent(data), tables.ends(data)])


def _pixels(data: Flow) -> Section:
    text = [
        "Where D's gradient leaves D and enters G, it is a picture: for every pixel of every fake one number, which "
        "says how G's loss changes if this pixel gets brighter. It is all that G ever learns about real images.",
    ]
    return Section("What D hands to G", text, [pictures(data), over_the_steps(data)])


# ---- the rule of thumb -----------------------------------------------------------------------------------------


def _rule(data: Flow) -> Section:
    preset = data.courses["preset"]
    ratio = preset.update / preset.weight
    late = np.median(ratio[:, len(data.steps) // 2 :], axis=1)
    text = [
        "A common rule of thumb looks at one number per layer: the length of the update over the length of the "
        "weights, ‖Δ<var>W</var>‖ / ‖<var>W</var>‖. It should be about 10<sup>−3</sup>, it says (Karpathy's lecture "
        "notes CS231n, 2015): much more, and the learning rate is too high; much less, and it is too low.",
        "With SGD, the update is the learning rate times the gradient, so the ratio shows both. Adam divides each "
        "gradient by its own recent size: what is left is about the learning rate, however small the gradient was. In "
        "the first step each weight moves by lr, to within Adam's ε. A layer of <var>n</var> weights then moves by "
        "lr √<var>n</var>, and with PyTorch's default initialisation its ratio is lr √(3 fan_in), which in this preset "
        f"is {ratio[:, 0].min():.2g} to {ratio[:, 0].max():.2g}, above the rule, in a training that works. In its "
        f"second half the ratios are {late.min():.2g} to {late.max():.2g}.{_obedient(data)}",
        "So with Adam the ratio tells of the learning rate and of the size of the weights, and not whether a signal "
        "arrives: for that, look at the gradients themselves. It is still worth a look: a layer whose ratio is "
        "10<sup>−1</sup> is rewritten within some ten steps, and one at 10<sup>−6</sup> hardly learns.",
    ]
    return Section("The rule of thumb of 10<sup>−3</sup>", text, [_thumb(data)])


def _obedient(data: Flow) -> str:
    """The training whose weights are too large has the ratio of the rule."""
    if "N(0, .2)" not in data.courses:
        return ""
    course = data.courses["N(0, .2)"]
    ratio = np.median(course.update[:, 0] / course.weight[:, 0])
    return f" The training N(0, .2), whose weights are far too large, begins at {ratio:.2g}: the rule likes it best."


def _thumb(data: Flow) -> Exhibit:
    caption = (
        "Left: the ratio of each layer of the preset. The first step is where lr √<var>n</var> predicts it; later the "
        "ratios fall below, as gradients that change sign from step to step cancel in Adam's mean. Middle: every dot "
        "is a layer of a training at a watched step: how large a gradient was, and how far Adam moved. Over many "
        "orders of magnitude the update does not care; only gradients below ε = 10<sup>−8</sup> are not made up for "
        "(dashed: lr <var>g</var> / (<var>g</var> + ε)). Dots far below the dashed line are gradients that had been "
        "larger a while before: Adam divides by the root of a mean of squares, which forgets slowly. Right: the ratio "
        "over time, the median of D's layers and of G's."
    )
    return Exhibit("Update over weight", caption, thumb(data))


# ---- checks ------------------------------------------------------------------------------------------------------


def _checks(data: Flow) -> list[Check]:
    preset = data.courses["preset"]
    checks = [
        Check(f"first update of {place.name}, lr √n", wanted, measured, ADAM, relative=True)
        for place, wanted, measured in zip(
            preset.layers, preset.expected.update.tolist(), preset.update[:, 0].tolist(), strict=True
        )
        if not np.isnan(wanted)
    ]
    for name, course in data.courses.items():
        predicted = float(course.expected.kept.prod())
        if not np.isnan(predicted):
            measured = float(np.sqrt(np.square(course.kept.prod(0)).mean()))
            checks.append(Check(f"what a fresh D leaves of the signal, {name}", predicted, measured, KEPT, True))
    if not np.isnan(preset.logit):
        name = "last signal at D's logit, the mean of 1 − D(G(z))"
        checks.append(Check(name, preset.logit, float(preset.signal[-1, -1]), 1e-5, relative=True))
    return checks
