"""The page of the experiment flow."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from minigan.lab.experiments.flow import Course, Flow
from minigan.lab.page import Check, Exhibit, Page, Section, Table, power
from minigan.lab.pages.flow_pictures import THUMB, maps, signals, thumb, way_back

KEPT = 0.1  # of the root mean square of so few draws


def page(data: Flow) -> Page:
    """What `minigan lab flow` shows."""
    return Page(
        "Gradients, layer by layer",
        _lead(data),
        [_way(data), _in_time(data), _pixels(data), _rule(data)],
        _checks(data),
    )


def _lead(data: Flow) -> str:
    return (
        f"G learns from one number per sample: D's logit. Its gradient goes back through all layers of D, becomes a "
        f"picture of what the pixels should do, and then goes back through all layers of G. Here {data.steps[-1] + 1} "
        f"steps of the preset <code>{data.preset}</code> on MNIST"
        f"{f', with layers {data.narrow} times narrower' if data.narrow > 1 else ''}, are watched at {len(data.steps)} "
        f"of them: the preset itself, and {len(data.courses) - 1} trainings that differ from it in one thing each."
    )


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
    ]
    trainings = "; ".join(f"<b>{name}</b>: {course.about}" for name, course in data.courses.items())
    text.append(f"The trainings are {trainings}. N(0, s) is the normal distribution of the standard deviation s.")
    return Section(
        "The way back: from D's logit to G's first layer", text, [way_back(data), _layers(preset), _first(data)]
    )


def _layers(course: Course) -> Table:
    rows = [(place.name, place.kind, place.numbers) for place in course.layers]
    caption = "The first layer sees z, the last one of D gives the logit. Biases are not counted."
    return Table("The layers with weights", ("layer", "kind", "weights"), rows, caption)


def _first(data: Flow) -> Table:
    """At the first step, when all weights are fresh."""
    rows = []
    for name, course in data.courses.items():
        logit, pixels, z = course.signal[-1, 0], course.at_fake[0], course.signal[0, 0]
        rows.append((name, logit, pixels, _number(course.expected.kept * logit), z))
    large, small, sigmoid = (_share(data, name) for name in ("N(0, .2)", "N(0, .002)", "Sigmoid in D"))
    caption = (
        "A fresh layer whose weights have the standard deviation <var>s</var> makes a gradient of length <var>r</var> "
        "one of about <var>s</var> √fan_in · <var>r</var>: in the mean over random weights, "
        "‖<var>W</var><sup>T</sup><var>g</var>‖² is <var>s</var>² fan_in ‖<var>g</var>‖², fan_in being how many "
        "inputs a unit has. PyTorch's default makes <var>s</var> √fan_in = 1/√3 = .58 in every layer, whatever its "
        "size; LeakyReLU(.2) passes .72 of it, a Sigmoid at most .25, and what Dropout leaves it makes larger. "
        "Multiply them up, and you have the column <i>predicted</i> (empty where the settings are others than this "
        f"theory is about, or where D's first move was large beside its weights).{sigmoid}{large}{small}"
    )
    head = ("training", "at D's logit", "at the pixels", "predicted", "at G 1")
    return Table("The signal in the first step", head, rows, caption)


def _share(data: Flow, name: str) -> str:
    if name not in data.courses:
        return ""
    course, preset = data.courses[name], data.courses["preset"]
    share = course.at_fake[0] / preset.at_fake[0]
    return f" With {name}, the pixels get {_times(share)} what they get in the preset."


def _times(share: float) -> str:
    if share >= 10:
        return f"{share:,.0f} times"
    return f"1/{1 / share:,.0f} of" if share < 0.1 else f"{share:.2g} of"


def _number(value: float) -> Any:
    return "" if np.isnan(value) else value


# ---- through the training ----------------------------------------------------------------------------------------


def _in_time(data: Flow) -> Section:
    text = [
        "A gradient that has vanished at the first step need not stay so: D's weights grow as it learns, and with "
        "them what passes through. So look at the whole training: each row of a map is a layer, from G's first at "
        "the bottom to D's last on top; each column is a watched step.",
    ]
    if data.left_out:
        text.append(
            "Left out, as this preset cannot have it: " + " ".join(f"{name} ({why})" for name, why in _left(data))
        )
    return Section("Through the training", text, [maps(data), _silent(data), _ends(data)])


def _left(data: Flow) -> list[tuple[str, str]]:
    return [(escape(name), escape(why)) for name, why in data.left_out.items()]


def _silent(data: Flow) -> Table:
    preset, courses = data.courses["preset"], data.courses.values()
    rows = [
        (place.name, place.kind, *(_percent(course.silent[i, -1]) for course in courses))
        for i, place in enumerate(preset.activations)
    ]
    i = int(np.argmax(np.nan_to_num(preset.silent[:, -1])))
    stuck = (
        ": with N(0, .2) the pixels are stuck from the first step on, and much of what D says of them is lost at the "
        "first activation on the way"
        if "N(0, .2)" in data.courses
        else ""
    )
    caption = (
        "Of ReLU and LeakyReLU: the share of units that are below 0 for every sample of the step, real or fake (in "
        "networks of images: of channels). Behind a ReLU such a unit is dead: its slope is 0, no gradient reaches its "
        "weights, and it may never wake up. Behind a LeakyReLU it still passes a part of the gradient, and can come "
        f"back: {preset.activations[i].name} of the preset, where {_percent(preset.silent[i, -1])} are silent in the "
        "end, learns on. Of Tanh and Sigmoid: the share of outputs so near their end that the slope is below a tenth "
        "of the largest. Behind G's last Tanh this need not be a fault: most pixels of MNIST are exactly −1, and G "
        "has to go there, though each step makes the way flatter. It is a fault when it comes before G draws digits"
        f"{stuck}."
    )
    head = ("behind", "activation in the preset", *data.courses)
    return Table(f"Silent units at step {data.steps[-1]}", head, rows, caption)


def _percent(share: float) -> str:
    return "" if np.isnan(share) else f"{100 * share:.0f}%"


def _ends(data: Flow) -> Table:
    rows = []
    for name, course in data.courses.items():
        grad = [_range(course.gradient[[p.name.startswith(who) for p in course.layers], -1]) for who in "GD"]
        D = [f"{course.report[key][-1]:.2f}" for key in ("D_x", "D_G_z")]
        rows.append((name, *grad, float(f"{course.at_fake[-1]:.3g}"), *D))
    caption = (
        "All differ by one setting and by nothing else: same seed, same images, same z. One step is one batch, so "
        "D(x) and D(G(z)) jump from step to step. What depends on chance is who is ahead at this very step; the order "
        "of magnitude of the gradients hardly does."
    )
    head = ("training", "gradients of G's layers", "of D's layers", "signal at the pixels", "D(x)", "D(G(z))")
    return Table(f"After {data.steps[-1] + 1} steps", head, rows, caption)


def _range(values: Any) -> str:
    return f"{values.min():.2g} to {values.max():.2g}"


# ---- pixels ----------------------------------------------------------------------------------------------------


def _pixels(data: Flow) -> Section:
    text = [
        "Where D's gradient leaves D and enters G, it is a picture: for every pixel of every fake one number, which "
        "says how G's loss changes if this pixel gets brighter. It is all that G ever learns about real images.",
    ]
    return Section("What D hands to G", text, [signals(data)])


# ---- the rule of thumb -----------------------------------------------------------------------------------------


def _rule(data: Flow) -> Section:
    preset = data.courses["preset"]
    ratio = preset.update / preset.weight
    late = np.median(ratio[:, len(data.steps) // 2 :], axis=1)
    text = [
        "A common rule of thumb looks at one number per layer: the length of the update over the length of the "
        "weights, ‖Δ<var>W</var>‖ / ‖<var>W</var>‖. It should be about 10<sup>−3</sup>, it says (Karpathy's lecture "
        "notes CS231n, 2015): much more, and the learning rate is too high; much less, and it is too low.",
        "What is it worth? With SGD, the update is the learning rate times the gradient, so the ratio shows both. "
        "Adam divides each gradient by its own recent size: what is left is about the learning rate, however small "
        "the gradient was. In the first step each weight moves by lr, to within Adam's ε. A layer of <var>n</var> "
        "weights then moves by lr √<var>n</var>, and with PyTorch's default initialisation its ratio is lr √(3 "
        f"fan_in), which in this preset is {_first_ratios(preset)}, above the rule, in a training that works. In its "
        f"second half the ratios are {late.min():.2g} to {late.max():.2g}.{_obedient(data)} So with Adam the ratio "
        "tells of the learning rate and of the size of the weights, and not whether a signal arrives: for that, look "
        "at the gradients themselves. It is still worth a look: a layer whose ratio is 10<sup>−1</sup> is rewritten "
        "within some ten steps, and one at 10<sup>−6</sup> hardly learns.",
    ]
    return Section("The rule of thumb of 10<sup>−3</sup>", text, [_thumb(data)])


def _obedient(data: Flow) -> str:
    """The training whose weights are too large has the ratio of the rule."""
    if "N(0, .2)" not in data.courses:
        return ""
    ratio = np.median(data.courses["N(0, .2)"].update[:, 0] / data.courses["N(0, .2)"].weight[:, 0])
    return (
        f" The training N(0, .2), whose weights are ten times too large, begins at {ratio:.2g}: the rule likes it best."
    )


def _first_ratios(preset: Course) -> str:
    ratios = preset.update[:, 0] / preset.weight[:, 0]
    return f"{ratios.min():.2g} to {ratios.max():.2g}"


def _thumb(data: Flow) -> Exhibit:
    caption = (
        "Left: the ratio of each layer of the preset. The first step is where lr √<var>n</var> predicts it; later the "
        "ratios fall below, as gradients that change sign from step to step cancel in Adam's mean. The layers with "
        "the largest fan_in have the smallest weights, hence the largest ratios. Middle: every dot is a layer of a "
        "training at a watched step: how large a gradient was, and how far Adam moved. Over many orders of magnitude "
        "the update does not care; only gradients below ε = 10<sup>−8</sup> are not made up for (dashed: lr "
        f"<var>g</var> / (<var>g</var> + ε)). {_lost(data)}Dots far below the dashed line are gradients that had been "
        "larger a while before: Adam divides by the root of a mean of squares over the last thousand steps or so, "
        "which forgets slowly. Right: the ratio over time, the median of D's layers and of G's."
    )
    return Exhibit("Update over weight", caption, thumb(data))


def _lost(data: Flow) -> str:
    if "N(0, .002)" not in data.courses:
        return ""
    course = data.courses["N(0, .002)"]
    g = course.gradient[0, 0] / np.sqrt(course.layers[0].numbers)
    if not g < 1e-9:
        return ""
    return (
        f"With N(0, .002), a weight of G 1 got a gradient of about {power(g)} in the first step: Adam could not help, "
        "and G stood still until D's weights had grown. "
    )


# ---- checks ------------------------------------------------------------------------------------------------------


def _checks(data: Flow) -> list[Check]:
    preset = data.courses["preset"]
    checks = []
    for i, place in enumerate(preset.layers):
        wanted = preset.expected.update[i]
        if not np.isnan(wanted):
            name = f"first update of {place.name}, lr √n"
            checks.append(Check(name, float(wanted), float(preset.update[i, 0]), THUMB, relative=True))
    for name, course in data.courses.items():
        if not np.isnan(course.expected.kept):
            kept = float(np.sqrt(np.square(course.kept).mean()))
            checks.append(
                Check(
                    f"signal at the pixels over that at the logit, {name}, in {len(course.kept)} fresh networks",
                    course.expected.kept,
                    kept,
                    KEPT,
                    relative=True,
                )
            )
    if not np.isnan(preset.logit):
        last = float(preset.signal[-1, -1])
        checks.append(
            Check("last signal at D's logit, the mean of 1 - D(G(z))", preset.logit, last, 1e-5, relative=True)
        )
    return checks
