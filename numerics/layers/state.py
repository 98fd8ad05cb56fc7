"""What layers pass on: means and second moments of neurons, which the rest of Torch takes for the means."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

ARRANGING = frozenset(
    {
        *(Tensor.view, Tensor.reshape, Tensor.flatten, Tensor.unflatten, Tensor.squeeze, Tensor.unsqueeze),
        *(Tensor.permute, Tensor.transpose, Tensor.movedim, Tensor.expand, Tensor.contiguous, Tensor.__getitem__),
        *(Tensor.to, Tensor.float, Tensor.double, Tensor.cpu, Tensor.cuda, Tensor.detach, Tensor.clone),
        *(torch.flatten, torch.unflatten, torch.reshape, torch.squeeze, torch.unsqueeze, torch.permute),
        *(torch.transpose, torch.movedim, torch.cat, torch.stack),
    }
)
OPERATORS = (
    *(f"__{side}{name}__" for name in ("add", "sub", "mul", "truediv", "matmul", "pow") for side in ("", "r")),
    *("__neg__", "__abs__", "__lt__", "__le__", "__gt__", "__ge__", "__getitem__"),
)


class State(NamedTuple):
    """Means E x and second moments E x^2 of a layer's neurons, both (..., neurons); None where x^2 = 1.

    Functions of Torch and the methods of a tensor take it for its means: plain modules and losses accept it. Those that
    only arrange, slice or move give a State, and so do dropout, sums of two, of independent neurons, and numbers beside
    one. What others give is a bare tensor, read as `inputs` of the layer says.

    >>> state = State(torch.tensor([[0.5, 0.0]]), torch.tensor([[0.5, 0.2]]))
    >>> torch.nn.functional.relu(state), state.flatten().second_moment
    (tensor([[0.5000, 0.0000]]), tensor([0.5000, 0.2000]))
    """

    mean: Tensor
    second_moment: Tensor | None = None

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = (args, kwargs or {})
        if func in RULES and (found := RULES[func](*args, **given[1])) is not None:
            return found

        def called(index: int) -> Any:
            parts = tree_map(lambda each: tuple(each)[index] if _is_state(each) else each, given, is_leaf=_is_state)
            return func(*parts[0], **parts[1])

        leaves, mean = tree_leaves(given, is_leaf=_is_state), called(0)
        states, bare = list(filter(_is_state, leaves)), any(isinstance(each, Tensor) for each in leaves)
        if func not in ARRANGING or bare or any(each.second_moment is None for each in states):
            return mean
        return State(mean, called(1))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(Tensor, name):
            raise AttributeError(f"a State has no {name}; its tensors are .mean and .second_moment")
        found = getattr(Tensor, name)
        return partial(_on_state, found, self) if callable(found) else getattr(self.mean, name)


def _is_state(value: Any) -> bool:
    return isinstance(value, State)


def _on_state(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return State.__torch_function__(function, (State,), args, kwargs)


def _operator(name: str) -> Callable[..., Any]:
    function = getattr(Tensor, name)
    return lambda *args: _on_state(function, *args)


for _name in OPERATORS:
    setattr(State, _name, _operator(_name))


def _square(state: State) -> Tensor:
    return torch.ones_like(state.mean) if state.second_moment is None else state.second_moment


def _dropout(state: State, p: float = 0.5, training: bool = True, inplace: bool = False) -> State:
    mask = torch.nn.functional.dropout(torch.ones_like(state.mean), p, training)
    return State(state.mean * mask, _square(state) * mask.square())


def _scaled(left: Any, right: Any, **rest: Any) -> State | None:
    state, factor = (left, right) if _is_state(left) else (right, left)
    return State(state.mean * factor, _square(state) * factor**2) if _is_number(factor) and not rest else None


def _divided(state: Any, by: Any, **rest: Any) -> State | None:
    return _scaled(state, 1 / by, **rest) if _is_state(state) and _is_number(by) else None


def _added(left: Any, right: Any, **rest: Any) -> State | None:
    """The sum of a state and a number, or of two independent ones."""
    state, other = (left, right) if _is_state(left) else (right, left)
    if rest or not (_is_state(other) or _is_number(other)):
        return None
    mean, square = (other.mean, _square(other)) if _is_state(other) else (other, other**2)
    return State(state.mean + mean, _square(state) + 2 * state.mean * mean + square)


def _subtracted(left: Any, right: Any, **rest: Any) -> State | None:
    return _added(left, -1 * right, **rest)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


RULES: dict[Callable[..., Any], Callable[..., State | None]] = {
    torch.nn.functional.dropout: _dropout,
    **dict.fromkeys((torch.add, Tensor.add, *(getattr(Tensor, name) for name in ("__add__", "__radd__"))), _added),
    **dict.fromkeys((torch.mul, Tensor.mul, *(getattr(Tensor, name) for name in ("__mul__", "__rmul__"))), _scaled),
    **dict.fromkeys((torch.div, Tensor.div, Tensor.__truediv__), _divided),
    **dict.fromkeys((torch.sub, Tensor.sub, Tensor.__sub__), _subtracted),
    Tensor.__rsub__: lambda right, left: _subtracted(left, right),
    **dict.fromkeys((torch.neg, Tensor.neg, Tensor.__neg__), lambda state: _scaled(state, -1)),
}  # fmt: skip
