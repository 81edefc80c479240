"""What all optimizers share: parameter groups, flat buffers, state dicts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from minigan.backend import device_of
from minigan.errors import ConfigError, StateError
from minigan.optim.flat import Flat
from minigan.tape import Variable


class Optimizer:
    """The base of all optimizers. A subclass names its moments and updates one stretch of a flat buffer.

    Attributes:
        param_groups: dictionaries with "params" and their settings, such as "lr", which may be changed at any time.
    """

    moments: ClassVar[tuple[str, ...]]

    def __init__(self, params: Iterable[Any], defaults: dict[str, Any]) -> None:
        groups = list(params)
        if not groups:
            raise ConfigError(f"{type(self).__name__}: expected at least one parameter, but got none.")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.param_groups = [{**defaults, **group, "params": list(group["params"])} for group in groups]
        for group in self.param_groups:
            self._check(group)
        self._check_distinct()
        self._flats = [_lay_out(group["params"], self.moments) for group in self.param_groups]

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self._follow()
        for group, flats in zip(self.param_groups, self._flats, strict=True):
            for flat in flats:
                for stretch, positions in flat.runs():
                    self._update(group, flat, stretch, flat.steps[positions[0]] + 1)
                    for j in positions:
                        flat.steps[j] += 1
                        flat.parameters[j].version += 1

    def _follow(self) -> None:
        """Lay parameters out anew that have moved since, with a module's `.to()` or to another optimizer."""
        for i, group in enumerate(self.param_groups):
            if not all(flat.holds() for flat in self._flats[i]):
                self._flats[i] = _lay_out_anew(self._flats[i], group["params"], self.moments)

    def zero_grad(self) -> None:
        """Forget all gradients: the next backward writes them anew."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter._grad = None

    def _update(self, group: dict[str, Any], flat: Flat, stretch: slice, step: int) -> None:
        """Update number ``step`` (from 1) of the parameters in this stretch of the buffers."""
        raise NotImplementedError

    def _check(self, group: dict[str, Any]) -> None:
        """Raise if a setting makes no sense."""
        for parameter in group["params"]:
            if not isinstance(parameter, Variable) or parameter.node is not None:
                raise ConfigError(
                    f"{type(self).__name__}: expected leaf tensors as parameters, but got {parameter!r}. "
                    "Pass network.parameters()."
                )
        for name in ("lr", "weight_decay", "eps", "momentum"):
            if name in group and not group[name] >= 0:
                raise ConfigError(f"{type(self).__name__}: expected {name} of at least 0, but got {group[name]}.")

    def _check_distinct(self) -> None:
        places = [id(parameter) for group in self.param_groups for parameter in group["params"]]
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
                if flat.steps[j]:
                    state[first + i] = {"step": flat.steps[j], **flat.state(j)}
            settings = {name: value for name, value in group.items() if name != "params"}
            groups.append({**settings, "params": list(range(first, first + len(group["params"])))})
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put back what :meth:`state_dict` gave, or PyTorch's optimizer of the same name.

        Raises:
            StateError: the groups or shapes are not those of this optimizer. Nothing is changed then.
        """
        if not {"state", "param_groups"} <= state_dict.keys():
            raise StateError(
                f"{type(self).__name__}: expected a state dict with 'state' and 'param_groups', but this one has "
                f"{', '.join(map(repr, state_dict)) or 'nothing'}. Pass what an optimizer's state_dict() gave."
            )
        groups = state_dict["param_groups"]
        sizes, given = [len(g["params"]) for g in self.param_groups], [len(g["params"]) for g in groups]
        if sizes != given:
            raise StateError(
                f"{type(self).__name__}: expected parameter groups of sizes {sizes}, but the state dict has {given}. "
                "Load it into an optimizer of the same network."
            )
        states = {int(i): state for i, state in state_dict["state"].items()}
        self._check_shapes(states)
        self._follow()
        first = 0
        for group, flats, source in zip(self.param_groups, self._flats, groups, strict=True):
            group.update({name: _setting(value) for name, value in source.items() if name in self.defaults})
            places = _places(flats)
            for i, parameter in enumerate(group["params"]):
                flat, j = places[id(parameter)]
                saved = states.get(first + i, {})
                flat.load(j, _step(saved), {k: _host(v) for k, v in saved.items() if k in self.moments})
            first += len(group["params"])

    def _check_shapes(self, states: dict[int, dict[str, Any]]) -> None:
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        for i, state in states.items():
            if i not in range(len(parameters)):
                raise StateError(
                    f"{type(self).__name__}: expected states of {len(parameters)} parameters, but the state dict has a "
                    f"state of parameter {i}. Load it into an optimizer of the same network."
                )
            for name in self.moments:
                if state.get(name) is not None and tuple(state[name].shape) != parameters[i].shape:
                    raise StateError(
                        f"{type(self).__name__}: expected {name} of parameter {i} of shape {parameters[i].shape}, "
                        f"but the state dict has {tuple(state[name].shape)}. "
                        "Load it into an optimizer of the same network."
                    )


def _lay_out(parameters: Sequence[Variable], moments: Sequence[str]) -> list[Flat]:
    """One flat layout for each device and data type among the parameters: as a rule, one."""
    kinds: dict[Any, list[Variable]] = {}
    for parameter in parameters:
        kinds.setdefault((device_of(parameter._data), parameter.dtype), []).append(parameter)
    return [Flat(kind, moments) for kind in kinds.values()]


def _places(flats: Sequence[Flat]) -> dict[int, tuple[Flat, int]]:
    return {id(parameter): (flat, j) for flat in flats for j, parameter in enumerate(flat.parameters)}


def _lay_out_anew(old: Sequence[Flat], parameters: Sequence[Variable], moments: Sequence[str]) -> list[Flat]:
    """A layout where the parameters are now, with the moments and steps of the old one."""
    before, flats = _places(old), _lay_out(parameters, moments)
    for i, (flat, j) in _places(flats).items():
        flat_before, k = before[i]
        flat.load(j, flat_before.steps[k], flat_before.state(k))
    return flats


def _step(saved: dict[str, Any]) -> int:
    """How many updates are behind a saved state. PyTorch's SGD does not say: momentum means at least one."""
    return int(saved.get("step", 1 if any(value is not None for value in saved.values()) else 0))


def _host(value: Any) -> Any:
    return None if value is None else np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
