"""The page of the experiment flow."""

from __future__ import annotations

from html import escape

import numpy as np

from minigan.lab.experiments.flow import Flow
from minigan.lab.experiments.flow_compared import BETWEEN, START
from minigan.lab.page import Check, Exhibit, Page, Section, listed
from minigan.lab.pages import flow_tables as tables
from minigan.lab.pages.flow_lines import GRADIENT, RATIO, SIGNAL, step_by_step
from minigan.lab.pages.flow_maps import maps
from minigan.lab.pages.flow_pixels import over_the_steps, pictures
from minigan.lab.pages.flow_style import LEAST, short
from minigan.lab.pages.flow_thumb import AGAINST, BY_LAYER, OVER_TIME, RULE, thumb
from minigan.lab.watching import Array

ADAM = 0.05  # how near to lr sqrt(n) Adam's first step comes: gradients near its epsilon move a little less
MUCH, LESS = 10, 0.8  # times
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
        f"of them: the preset itself, and {len(data.trainings) - 1} trainings that differ from it in one thing each."
    )


def _trainings(data: Flow, group: str) -> str:
    return "; ".join(f"<b>{name}</b>: {data.trainings[name].about}" for name in data.groups[group])


# ---- the way back --------------------------------------------------------------------------------------------


def _way(data: Flow) -> Section:
    preset = data.trainings["preset"]
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
    preset = data.trainings["preset"]
    named = [name for name in ("preset", "Sigmoid in D") if name in data.trainings]
    factors = ", ".join(f"{data.trainings[name].divided_by[0]:.2g} ({name})" for name in named)
    bound = "" if np.isnan(preset.logit) else ", where it is at most 1 (it is 1 − D(G(z)) for the loss −log D)"
    caption = (
        f"<b>{SIGNAL.title}</b>, read from the left: the signal starts at D's logit{bound}, passes D's layers, then "
        "the pixels, then G's layers. A line that falls steadily is a signal that vanishes: at step 0 each layer of D "
        f"divides it on average by {factors}.{_grown(data)} <b>{GRADIENT.title}</b>: what they get in their player's "
        f"own turn. <b>{RATIO.title}</b>: how far the weights moved, beside their size; the dotted line is the rule of "
        f"thumb of 10<sup>−3</sup>.{_nearer(data)}{_lifted(data)}"
    )
    return step_by_step(data, BETWEEN, "What stands between the layers, step by step", caption)


def _grown(data: Flow) -> str:
    """Whether the layers of D stop to divide the signal as their weights grow."""
    preset, end = data.trainings["preset"], data.steps[-1]
    of_D = [layer.name.startswith("D") for layer in preset.layers]
    grown = (preset.weight[of_D, -1] > preset.weight[of_D, 0]).all()
    if not (grown and preset.divided_by[-1] < LESS * preset.divided_by[0]):
        return ""
    return f" Move the slider: D's weights grow, and at step {end} it is {preset.divided_by[-1]:.2g} (preset)."


def _nearer(data: Flow) -> str:
    """Whether Adam makes small gradients large."""
    trainings = [data.trainings[name] for name in data.groups[BETWEEN]]
    gradients, ratios = (np.array([getattr(t, name)[0, -1] for t in trainings]) for name in ("gradient", "ratio"))
    if np.isnan(trainings[0].adam_eps) or _spread(ratios) >= _spread(gradients):
        return ""
    return (
        f" At G 1 the gradients of these trainings differ by a factor of up to {_spread(gradients):,.0f} in the last "
        f"step, and the ratios of up to {_spread(ratios):,.1f}: that is Adam's doing, see the last section."
    )


def _spread(values: Array) -> float:
    """The largest over the least."""
    return float(values.max() / max(values.min(), LEAST))


def _lifted(data: Flow) -> str:
    """What BatchNorm in D does to the signal at first, if it makes it longer."""
    if "BatchNorm in D" not in data.groups[BETWEEN]:
        return ""
    most = data.trainings["BatchNorm in D"].kept_rms.max()
    if most < 2:
        return ""
    return (
        " BatchNorm in D divides by the spread of its batch. Fakes of a fresh G hardly differ, so that it makes small "
        f"differences large, and on the way back the signal up to {most:,.0f} times longer in one layer."
    )


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
        "back, as far as the layer before it has room for it. N(0, <var>s</var>²), the normal distribution of the "
        "standard deviation <var>s</var>, asks for no size at all: what is right for one layer is wrong for another.",
        f"The trainings are {_trainings(data, START)}."
        + ("" if "default" in data.trainings else " The preset starts as PyTorch's layers do."),
    ]
    return Section("Where weights start", text, [_starts(data), tables.kept(data), tables.first(data)])


def _starts(data: Flow) -> Exhibit:
    first, last = (np.array([data.trainings[name].at_fake[t] for name in data.groups[START]]) for t in (0, -1))
    caption = (
        f"<b>{SIGNAL.title}</b>: at step 0 the lines are a fan that opens at the logit, each with the slope in the "
        f"table below. At the pixels they lie between {short(first.min())} and {short(first.max())}. Move the slider: "
        f"after {data.steps[-1] + 1} steps the pixels get {_range(last)}."
        f"{_closes(first, last)}{_too_large(data)} The others show gradients and updates, as above.{_lost(data)}"
    )
    return step_by_step(data, START, "Initialisations, step by step", caption)


def _range(last: Array) -> str:
    """The least and the largest, and how many trainings diverged."""
    finite = last[np.isfinite(last)]
    texts = [f"{short(finite.min())} to {short(finite.max())}"] if finite.size else []
    if lost := len(last) - len(finite):
        texts.append(f"no number in {lost} training{'s' * (lost > 1)}, which diverged")
    return listed(texts)


def _closes(first: Array, last: Array) -> str:
    """Whether the small signals have grown by more than the large ones have changed."""
    rises, falls = last.min() / max(first.min(), LEAST), first.max() / max(last.max(), LEAST)
    if not rises > MUCH * max(falls, 1):
        return ""
    return (
        " The fan closes from below: however small D's weights were, they grow until D tells real from fake, and the "
        "signal with them."
    )


def _too_large(data: Flow) -> str:
    """Whether weights that started too large are so in the end."""
    large, preset = data.trainings.get("N(0, .2²)"), data.trainings["preset"]
    if large is None or np.isnan(preset.adam_eps):
        return ""
    shares = np.median(large.weight / preset.weight, 0)
    if not shares[-1] > 2:
        return ""
    return (
        f" Too large weights stay too large: with N(0, .2²) a layer's are {shares[0]:.2g} times those of the preset at "
        f"step 0 and {shares[-1]:.2g} times in the end (median), as Adam moves each weight by about lr a step, however "
        "far it has to go."
    )


def _lost(data: Flow) -> str:
    """A gradient that Adam cannot make up for."""
    if "N(0, .002²)" not in data.trainings:
        return ""
    training = data.trainings["N(0, .002²)"]
    g, eps = training.gradient_rms[0, 0], training.adam_eps
    if not g < eps / 10:
        return ""
    return (
        f" With N(0, .002²), a weight of G 1 got a gradient of about {short(g)} in the first step, far below Adam's ε "
        f"= {short(eps)}: even Adam could not help, and moved it by {short(training.update_rms[0, 0])}, in place of lr "
        f"= {short(data.lr[0])}."
    )


# ---- through the training ----------------------------------------------------------------------------------------


def _in_time(data: Flow) -> Section:
    text = [
        "A gradient that has vanished at the first step need not stay so: D's weights may grow as it learns, and with "
        "them what passes through. So look at the whole training: each row of a map is a layer, from G's first at "
        "the bottom to D's last on top; each column is a watched step.",
    ]
    return Section("Through the training", text, [maps(data), tables.inactive(data), tables.ends(data)])


def _pixels(data: Flow) -> Section:
    text = [
        "Where D's gradient leaves D and enters G, it is a picture: for every pixel of every fake one number, which "
        "says how G's loss changes if this pixel gets brighter. It is all that G ever learns about real images.",
    ]
    return Section("What D hands to G", text, [pictures(data), over_the_steps(data)])


# ---- the rule of thumb -----------------------------------------------------------------------------------------


def _rule(data: Flow) -> Section:
    preset = data.trainings["preset"]
    early, late = preset.ratio[:, 0], preset.ratio_late
    text = [
        "A common rule of thumb looks at one number per layer: the length of the update over the length of the "
        "weights, ‖Δ<var>W</var>‖ / ‖<var>W</var>‖. It should be about 10<sup>−3</sup>, it says (Karpathy's lecture "
        "notes CS231n, 2015): much more, and the learning rate is too high; much less, and it is too low.",
        "With SGD, the update is the learning rate times the gradient, so the ratio shows both. Adam divides each "
        "gradient by its own recent size: what is left is about the learning rate, however small the gradient was. In "
        "the first step each weight moves by lr, to within Adam's ε. A layer of <var>n</var> weights then moves by "
        "lr √<var>n</var>, and with PyTorch's default initialisation its ratio is lr √(3 fan_in). In the first step of "
        f"this preset the ratios are {short(early.min())} to {short(early.max())}"
        f"{', above the rule' if early.min() > RULE else ''}; in the second half of the training "
        f"{short(late.min())} to {short(late.max())}.{_obedient(data)}",
        "So with Adam the ratio tells of the learning rate and of the size of the weights, and not whether a signal "
        "arrives: for that, look at the gradients themselves. It is still worth a look: a layer whose ratio is "
        "10<sup>−1</sup> is rewritten within some ten steps, and one at 10<sup>−6</sup> hardly learns.",
    ]
    return Section("The rule of thumb of 10<sup>−3</sup>", text, [_thumb(data)])


def _obedient(data: Flow) -> str:
    """Whether the training whose weights are too large comes nearest to the rule."""
    ratios = {name: float(np.median(training.ratio[:, 0])) for name, training in data.trainings.items()}
    if min(ratios, key=lambda name: abs(np.log(max(ratios[name], LEAST) / RULE))) != "N(0, .2²)":
        return ""
    ratio = short(ratios["N(0, .2²)"])
    return f" The training N(0, .2²), whose weights are far too large, begins at {ratio}: the rule likes it best."


def _thumb(data: Flow) -> Exhibit:
    preset = data.trainings["preset"]
    predicted, fallen = np.isfinite(preset.expected.update).all(), (preset.ratio_late < preset.ratio[:, 0]).all()
    because = (
        "" if np.isnan(preset.adam_eps) else ", as gradients that change sign from step to step cancel in its mean"
    )
    caption = (
        f"<b>{BY_LAYER}</b>: the ratio of update and weight of each."
        f"{' In the first step Adam moves it as lr √<var>n</var> predicts.' if predicted else ''}"
        f"{f' Later the ratios are below that{because}.' if fallen else ''} <b>{AGAINST}</b>: every dot is a layer of "
        "a training at a watched step: how large a gradient was, and how far its weights moved."
        f"{_made_up(preset.adam_eps)} <b>{OVER_TIME}</b>: the preset's ratio, the median of D's layers and of G's."
    )
    return Exhibit("Update over weight", caption, thumb(data))


def _made_up(eps: float) -> str:
    """What Adam does to a gradient; nothing of other optimizers."""
    if np.isnan(eps):
        return ""
    return (
        f" Over many orders of magnitude Adam's update does not care; only gradients below its ε = {short(eps)} are "
        "not made up for (dashed: lr <var>g</var> / (<var>g</var> + ε)). Dots far below the dashed line are gradients "
        "that had been larger a while before: Adam divides by the root of a mean of squares, which forgets slowly."
    )


# ---- checks ------------------------------------------------------------------------------------------------------


def _checks(data: Flow) -> list[Check]:
    preset = data.trainings["preset"]
    checks = [
        Check(f"first update of {layer.name}, lr √n", wanted, measured, ADAM, relative=True)
        for layer, wanted, measured in zip(
            preset.layers, preset.expected.update.tolist(), preset.update[:, 0].tolist(), strict=True
        )
        if not np.isnan(wanted)
    ]
    for name, training in data.trainings.items():
        predicted = training.expected.kept_by_D
        if not np.isnan(predicted):
            measured = training.kept_by_D
            checks.append(Check(f"what a fresh D leaves of the signal, {name}", predicted, measured, KEPT, True))
    if not np.isnan(preset.logit):
        name = "last signal at D's logit, the mean of 1 − D(G(z))"
        checks.append(Check(name, preset.logit, float(preset.signal[-1, -1]), 1e-5, relative=True))
    return checks
