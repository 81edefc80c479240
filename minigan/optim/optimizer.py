"""What all optimizers share: parameter groups, flat buffers, state dicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from numbers import Real
from typing import Any, ClassVar

from minigan.backend import Array, Backend, device_of
from minigan.backend.base.arrays import Number
from minigan.capturing import changing, each_time, fixed
from minigan.errors import ConfigError, DTypeError, StateError
from minigan.optim.flat import Flat
from minigan.states import host_array
from minigan.variable import Variable, forget_gradients

KEPT = ("initial_lr",)  # what schedules add to the settings of a group, and a state dict brings back


class Optimizer:
    """The base of all optimizers. A subclass names its moments and updates one stretch of the flat buffers.

    Attributes:
        param_groups: dictionaries with "params" and their settings, such as "lr", which may be changed at any time.
    """

    moments: ClassVar[tuple[str, ...]]
    scheduled: ClassVar[tuple[str, ...]] = ("lr",)  # settings that may change from step to step of a captured function
    foreign: ClassVar[tuple[str, ...]] = ("maximize",)  # settings of PyTorch's that have to be off

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self._flats: list[list[Flat]] = []
        self._add([{**defaults, **group} for group in self._groups(params)])

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Train more parameters, with settings of their own where the dictionary has any.

        Raises:
            ConfigError: it is no dictionary with "params", one of them is trained already, or a setting is out of
                range. Nothing is changed then.

        >>> G, D = mg.nn.Linear(2, 3), mg.nn.Linear(3, 1)
        >>> optimizer = mg.optim.SGD(G.parameters(), lr=0.1)
        >>> optimizer.add_param_group({"params": D.parameters(), "lr": 0.2})
        >>> [group["lr"] for group in optimizer.param_groups]
        [0.1, 0.2]
        """
        given = [param_group if isinstance(param_group, dict) else {}]
        self._add([{**self.defaults, **group} for group in self._groups(given)])

    def _add(self, groups: list[dict[str, Any]]) -> None:
        for group in groups:
            self._check(group)
        self._check_distinct([*self.param_groups, *groups])
        self.param_groups += groups
        self._flats += [self._begin(group) for group in groups]

    def _groups(self, params: Any) -> list[dict[str, Any]]:
        """The groups that the user gave, or one of all the parameters."""
        given = list(params) if isinstance(params, Iterable) else []
        if not given:
            found = "none" if isinstance(params, Iterable) else f"an object of type {type(params).__name__}"
            raise ConfigError(
                f"{type(self).__name__}: expected at least one parameter, but got {found}. Pass network.parameters()."
            )
        groups = given if isinstance(given[0], dict) else [{"params": given}]
        if not all(isinstance(group, dict) and isinstance(group.get("params"), Iterable) for group in groups):
            raise ConfigError(f'{type(self).__name__}: expected each parameter group to be a dictionary with "params".')
        return [{**group, "params": _several(group["params"])} for group in groups]

    def _begin(self, group: dict[str, Any]) -> list[Flat]:
        """The layout of a group, with the moments that its settings need."""
        flats = _lay_out(group["params"])
        for flat in flats:
            for name in self._needs(group):
                flat.moment(name)
        return flats

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self._follow()
        fixed(lambda: len(self.param_groups))
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            fixed(partial(self._fixed, group))
            try:
                for flat in flats:
                    for stretch, positions in flat.runs(flat.steps.__getitem__):
                        self._step_stretch(group, flat, stretch, positions)
            except (TypeError, ValueError):
                self._check(group)  # a setting that was changed by hand
                raise

    def _step_stretch(self, group: dict[str, Any], flat: Flat, stretch: slice, positions: list[int]) -> None:
        """Update neighbours that have seen the same number of steps."""

        def numbers() -> tuple[float, ...]:
            return self._numbers(group, flat.steps[positions[0]] + 1)

        def count() -> None:
            for j in positions:
                flat.steps[j] += 1

        fixed(lambda: len({flat.steps[j] for j in positions}))  # another program may have moved only some of them
        p, g = flat.data[stretch], flat.grad[stretch]
        moments = {name: flat.moment(name)[stretch] for name in (*self._needs(group), *flat.moments)}
        self._update(group, flat.backend, p, g, moments, changing(numbers, flat.backend, p.dtype))
        if self._needs(group):
            each_time(count)
        for j in positions:
            flat.parameters[j].count_change()

    def _numbers(self, group: dict[str, Any], step: int) -> tuple[float, ...]:
        """What an update needs of the settings that may change from step to step, and of the number of the step.

        ``step`` counts the updates that the moments have seen, with this one.
        """
        raise NotImplementedError

    def _fixed(self, group: dict[str, Any]) -> dict[str, Any]:
        """The settings for which a function is captured anew; of those that are scheduled, whether they are 0."""
        settings = {name: value for name, value in group.items() if name not in ("params", *KEPT)}
        return settings | {name: bool(settings[name]) for name in self.scheduled}

    def _follow(self) -> None:
        """Lay parameters out anew that have moved since, with a module's `.to()` or to another optimizer."""
        for i, group in enumerate(self.param_groups):
            if not all(flat.holds() for flat in self._flats[i]):
                self._flats[i] = _lay_out_anew(self._flats[i], group["params"])

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: the next backward writes them anew; or make them zeros, where there are any."""
        for group in self.param_groups:
            forget_gradients(group["params"], set_to_none)

    def _update(
        self,
        group: dict[str, Any],
        backend: Backend,
        p: Array,
        g: Array,
        moments: dict[str, Array],
        numbers: tuple[Number, ...],
    ) -> None:
        """Move p against the gradients g; ``numbers`` are those of :meth:`_numbers`."""
        raise NotImplementedError

    def _needs(self, group: dict[str, Any]) -> tuple[str, ...]:
        """The moments that updates with these settings read and write; a state dict has at least these."""
        return self.moments

    def _check(self, group: dict[str, Any]) -> None:
        """Raise if a setting makes no sense."""
        for parameter in group["params"]:
            if not isinstance(parameter, Variable) or parameter.node is not None:
                raise ConfigError(
                    f"{type(self).__name__}: expected leaf tensors as parameters, but got {parameter!r}. "
                    "Pass network.parameters()."
                )
            if parameter.dtype.kind != "f":
                raise DTypeError(
                    f"{type(self).__name__}: expected parameters of a floating point type, but got {parameter.dtype}."
                )
        for name in ("lr", "weight_decay", "eps", "momentum"):
            if name in group and not (isinstance(group[name], Real) and group[name] >= 0):
                raise ConfigError(f"{type(self).__name__}: expected {name} of at least 0, but got {group[name]!r}.")

    def _check_distinct(self, groups: Sequence[dict[str, Any]]) -> None:
        places = [id(parameter) for group in groups for parameter in group["params"]]
        if len(set(places)) < len(places):
            raise ConfigError(f"{type(self).__name__}: expected each parameter once, but one is listed twice.")

    # ---- state -------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Steps, moments and settings in PyTorch's layout, as host arrays and plain values."""
        state: dict[int, dict[str, Any]] = {}
        groups: list[dict[str, Any]] = []
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            first = sum(len(g["params"]) for g in groups)
            places = _places(flats)
            for i, parameter in enumerate(group["params"]):
                flat, j = places[id(parameter)]
                if flat.steps[j]:  # like PyTorch's, plain SGD has no state
                    for name in self._needs(group):
                        flat.moment(name)  # switched on since the last step: zeros
                    state[first + i] = {"step": flat.steps[j], **flat.state(j)}
            settings = {name: value for name, value in group.items() if name != "params"}
            groups.append({**settings, "params": list(range(first, first + len(group["params"])))})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave, or PyTorch's optimizer of the same name.

        Raises:
            StateError: the groups, shapes, numbers or settings do not fit this optimizer, or the state is of a variant
                that minigan lacks, such as PyTorch's amsgrad. Nothing is changed then.
        """
        if not isinstance(state_dict, dict) or not {"state", "param_groups"} <= state_dict.keys():
            found = ", ".join(map(repr, state_dict)) if isinstance(state_dict, dict) else type(state_dict).__name__
            raise StateError(
                f"{type(self).__name__}: expected a state dict with 'state' and 'param_groups', but this one has "
                f"{found or 'nothing'}. Pass what an optimizer's state_dict() gave."
            )
        groups = self._read_groups(state_dict["param_groups"])
        states = self._read_states(state_dict["state"], groups)
        for group, settings in zip(self.param_groups, groups, strict=True):
            group.update(settings)
        self._follow()
        self._load(states)

    def _read_groups(self, given: Any) -> list[dict[str, Any]]:
        """The settings of each group."""
        sizes = [len(group["params"]) for group in self.param_groups]
        try:
            found = [len(group["params"]) for group in given]
            found = found if all(isinstance(group, dict) for group in given) else [given]
        except (TypeError, KeyError, IndexError):
            found = [given]
        if sizes != found:
            raise StateError(
                f"{type(self).__name__}: expected parameter groups of sizes {sizes}, but the state dict has {found}. "
                "Load it into an optimizer of the same network."
            )
        return [self._read_settings(group, settings) for group, settings in zip(self.param_groups, given, strict=True)]

    def _read_settings(self, group: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
        """The settings in ``given`` that this group has, too."""
        foreign = [name for name in self.foreign if given.get(name)]
        if foreign:
            raise StateError(
                f"{type(self).__name__}: expected a state dict without {foreign[0]}, which minigan lacks, but it is "
                f"{given[foreign[0]]!r} there. Train on with PyTorch, or start this optimizer anew."
            )
        known = {*group, *KEPT} - {"params"}
        settings = {name: _setting(value) for name, value in given.items() if name in known}
        try:
            self._check({**group, **settings})
        except ConfigError as error:
            raise StateError(f"The state dict has a bad setting. {error}") from None
        return settings

    def _read_states(
        self, given: dict[Any, dict[str, Any]], settings: Sequence[dict[str, Any]]
    ) -> dict[int, tuple[int, dict[str, Any]]]:
        """The step and the moments of each parameter that has any, under these settings of the groups."""
        owners = [
            (parameter, self._needs({**group, **new}))
            for group, new in zip(self.param_groups, settings, strict=True)
            for parameter in group["params"]
        ]
        states = {}
        if not isinstance(given, dict) or not all(isinstance(saved, dict) for saved in given.values()):
            raise StateError(
                f"{type(self).__name__}: expected a 'state' with a dictionary for each parameter, but got {given!r}. "
                "Pass what an optimizer's state_dict() gave."
            )
        for key, saved in given.items():
            if str(key) not in map(str, range(len(owners))):  # JSON turns numbers into text
                raise StateError(
                    f"{type(self).__name__}: expected states of {len(owners)} parameters, but the state dict has a "
                    f"state of parameter {key}. Load it into an optimizer of the same network."
                )
            if all(saved.get(name) is None for name in self.moments):
                continue  # what is left, such as a step of PyTorch's, was never used
            what, (parameter, needed) = f"{type(self).__name__}: expected {{}} of parameter {key}", owners[int(key)]
            moments = {
                name: host_array(what.format(name), saved.get(name), parameter.shape)
                for name in self.moments
                if name in needed or saved.get(name) is not None
            }
            # PyTorch's SGD does not count its steps: momentum means at least one.
            step = host_array(what.format("step"), saved.get("step", 1), ())
            if not (step >= 1 and float(step).is_integer()):
                raise StateError(f"{what.format('step')} to be a whole number of at least 1, but got {step}.")
            states[int(key)] = int(step), moments
        return states

    def _load(self, states: dict[int, tuple[int, dict[str, Any]]]) -> None:
        """Put steps and moments into the buffers; parameters without any start anew."""
        places = _places([flat for flats in self._flats for flat in flats])
        parameters = (parameter for group in self.param_groups for parameter in group["params"])
        for i, parameter in enumerate(parameters):
            flat, j = places[id(parameter)]
            flat.load(j, *states.get(i, (0, {})))

    # ---- copies ------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """For `pickle` and `copy`: a copy of a buffer would share no memory with copies of its parameters."""
        parts = {name: value for name, value in self.__dict__.items() if name != "_flats"}
        return {**parts, "state": self.state_dict()["state"]}

    def __setstate__(self, saved: dict[str, Any]) -> None:
        self.__dict__.update({name: value for name, value in saved.items() if name != "state"})
        self._flats = [self._begin(group) for group in self.param_groups]
        self._load(self._read_states(saved["state"], self.param_groups))


def decay_in_gradient(group: dict[str, Any], backend: Backend, p: Array, g: Array) -> tuple[dict[str, Any], Array]:
    """The settings without weight decay, and g with it: for a step that does not begin at p, where g was taken."""
    if not group["weight_decay"]:
        return group, g
    decay = backend.mul(p, float(group["weight_decay"]))
    return {**group, "weight_decay": 0.0}, backend.add(g, decay, out=decay)


def _several(parameters: Any) -> list[Any]:
    return [parameters] if isinstance(parameters, Variable) else list(parameters)


def _lay_out(parameters: Sequence[Variable]) -> list[Flat]:
    """One flat layout for each device and data type among the parameters: as a rule, one."""
    kinds: dict[Any, list[Variable]] = {}
    for parameter in parameters:
        kinds.setdefault((device_of(parameter._data), parameter.dtype), []).append(parameter)
    return [Flat(kind) for kind in kinds.values()]


def _places(flats: Sequence[Flat]) -> dict[int, tuple[Flat, int]]:
    return {id(parameter): (flat, j) for flat in flats for j, parameter in enumerate(flat.parameters)}


def _lay_out_anew(old: Sequence[Flat], parameters: Sequence[Variable]) -> list[Flat]:
    """A layout where the parameters are now, with the moments and steps of the old one."""
    before, flats = _places(old), _lay_out(parameters)
    for i, (flat, j) in _places(flats).items():
        flat_before, k = before[i]
        flat.load(j, flat_before.steps[k], flat_before.state(k))
    return flats


def _setting(value: Any) -> Any:
    """A setting as a plain value: PyTorch allows tensors, and files turn tuples into lists."""
    if getattr(value, "shape", None) == ():
        return value.item()
    return tuple(value) if isinstance(value, list) else value
