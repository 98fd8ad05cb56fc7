"""Which layers of a model become surrogate layers: those whose field goes into a sign, tanh or hardtanh alone."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from meanbits.numerics.conversion.activations import activation_named
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer

PLAIN = (nn.Linear, nn.Conv2d)
ARRANGING = frozenset({"flatten", "view", "reshape", "permute", "transpose", "contiguous", "unsqueeze", "squeeze"})
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
ARRANGERS = (nn.Flatten, nn.Unflatten, nn.Identity)


class ConversionError(ValueError):
    """A model that cannot be converted; one line that names the part and the remedy."""


@dataclass(frozen=True)
class Match:
    """A layer to convert: its path, its node, that of its activation, which is a `kind`, and that of what it reads."""

    path: str
    node: fx.Node
    activation: fx.Node
    kind: str
    source: fx.Node | None

    @property
    def by_module(self) -> bool:
        """Whether the activation is a module, which can be taken out of its place."""
        return self.activation.op == "call_module"


@dataclass(frozen=True)
class Plan:
    """The traced model, its layers to convert, and those that stay plain with the reason."""

    traced: fx.GraphModule
    matches: tuple[Match, ...]
    plain: dict[str, str]


class _Tracer(fx.Tracer):
    """Looks into modules with plain layers, and takes all others as they are."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        inside = any(type(each) in PLAIN for each in m.modules())
        return isinstance(m, SurrogateLayer) or not inside or super().is_leaf_module(m, module_qualified_name)


def traced(model: nn.Module) -> fx.GraphModule:
    """The graph of a copy of the model.

    Raises:
        ConversionError: a forward whose course depends on numbers.
    """
    held = copy.deepcopy(model)
    try:
        return fx.GraphModule(held, _Tracer().trace(held))
    except Exception as error:  # of torch.fx and of the user's forward
        reason = next(iter(str(error).splitlines()), "")[:200]
        raise ConversionError(f"{type(model).__name__} cannot be traced ({type(error).__name__}: {reason}); convert "
                              "the parts of it that can") from None  # fmt: skip


def plan(model: nn.Module) -> Plan:
    """What becomes of each Linear and Conv2d of a model.

    Raises:
        ConversionError: a model without these, or that cannot be traced.
    """
    layers = {path: each for path, each in model.named_modules() if type(each) in PLAIN}
    if isinstance(model, PLAIN) or not layers:
        raise ConversionError(f"{type(model).__name__} has no Linear or Conv2d with an activation behind; give a model "
                              "of some, as Sequential(Linear(2, 2), Tanh())")  # fmt: skip
    graph = traced(model)
    nodes = {path: [node for node in graph.graph.nodes if node.op == "call_module" and node.target == path]
             for path in layers}  # fmt: skip
    owners = Counter(id(tensor) for each in model.modules() for tensor in vars(each)["_parameters"].values())
    found: dict[str, Match] = {}
    plain: dict[str, str] = {}
    for path, layer in layers.items():
        reason = _objection(layer, len(nodes[path]), owners)
        match = reason or _match(graph, path, nodes[path][0])
        if isinstance(match, Match):
            found[path] = match
        else:
            plain[path] = match
    ends = {match.activation for match in found.values()}
    for path, match in list(found.items()):
        calls = [
            node for node in graph.graph.nodes if node.op == "call_module" and node.target == match.activation.target
        ]
        if match.by_module and not ends.issuperset(calls):
            plain[path] = f"feeds {found.pop(path).activation.target}, which is used elsewhere too"
    return Plan(graph, tuple(found.values()), plain)


def _objection(layer: nn.Module, uses: int, owners: Counter[int]) -> str | None:
    """Why a layer stays plain, whatever comes behind it."""
    parameters = list(layer.parameters())
    if uses == 0:
        return "is not called as a layer of its own"
    if uses > 1:
        return f"is used {uses} times"
    if any(owners[id(each)] > 1 for each in parameters):
        return "shares parameters with another layer"
    if any(vars(layer)[name] for name in HOOKS):
        return "has hooks"
    if not all(bool(torch.isfinite(each).all()) for each in parameters):
        return "has weights that are not finite"
    return None


def _match(graph: fx.GraphModule, path: str, node: fx.Node) -> Match | str:
    """The layer with its activation, or why it has none."""
    users = list(node.users)
    if len(users) != 1 or users[0].op == "output":
        return "gives the output" if any(user.op == "output" for user in users) else f"feeds {len(users)} places"
    (user,) = users
    kind = _kind(graph, node, user)
    if kind is None:
        return f"feeds {user.target if user.op == 'call_module' else user.name}, no sign, tanh or hardtanh"
    return Match(path, node, user, kind, _source(graph, node))


def _kind(graph: fx.GraphModule, node: fx.Node, user: fx.Node) -> str | None:
    others = [each for each in (*user.args[1:], *user.kwargs.values()) if isinstance(each, fx.Node)]
    if not user.args or user.args[0] is not node or others:
        return None
    rest: Any = user.args[1:]

    def applied(x: Tensor) -> object:
        if user.op == "call_module":
            return copy.deepcopy(graph.get_submodule(str(user.target))).eval()(x, *rest, **user.kwargs)
        function: Any = getattr(x, str(user.target)) if user.op == "call_method" else user.target
        return function(*(() if user.op == "call_method" else (x,)), *rest, **user.kwargs)

    return activation_named(applied)


def _source(graph: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """What a layer reads, before what only arranges it."""
    before: Any = node.args[0] if node.args else None
    while isinstance(before, fx.Node) and _arranges(graph, before):
        before = before.args[0]
    return before if isinstance(before, fx.Node) else None


def _arranges(graph: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(graph.get_submodule(str(node.target)), ARRANGERS)
    name = node.target if node.op == "call_method" else getattr(node.target, "__name__", "")
    return node.op in ("call_method", "call_function") and name in ARRANGING
