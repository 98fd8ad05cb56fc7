"""Which layers of a model become surrogate layers: those whose field, normed or not, goes into a sign, tanh or hardtanh
alone."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from meanbits.numerics.conversion.activations import activation_named
from meanbits.numerics.conversion.norms import KINDS, is_norm, norm_objection
from meanbits.numerics.conversion.refusal import ConversionError
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.numerics.layers.usable import has_hooks

PLAIN = (nn.Linear, nn.Conv2d)
ARRANGING = frozenset({"flatten", "view", "reshape", "permute", "transpose", "contiguous", "unsqueeze", "squeeze"})
ARRANGERS = (nn.Flatten, nn.Unflatten, nn.Identity)
SUMS = ("add", "iadd", "sub")
JOINED = "; put the activation on the branch, as x + tanh(layer(x)), or norm and activation"


@dataclass(frozen=True)
class Match:
    """A layer to convert: its path and node, that of its activation, which is a `kind`, and that of what it reads.

    norm, dropout: the nodes of a norm behind it and of a dropout before it, which the surrogate layer has too.
    """

    path: str
    node: fx.Node
    activation: fx.Node
    kind: str
    source: fx.Node | None
    norm: fx.Node | None = None
    dropout: fx.Node | None = None

    @property
    def by_module(self) -> bool:
        """Whether the activation is a module, which can be taken out of its place."""
        return self.activation.op == "call_module"

    @property
    def taken(self) -> tuple[fx.Node, ...]:
        """What the surrogate layer takes in."""
        return tuple(each for each in (self.activation, self.norm, self.dropout) if each is not None)


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
    owners = Counter(id(tensor) for each in model.modules() for tensor in vars(each)["_parameters"].values())
    found: dict[str, Match] = {}
    plain: dict[str, str] = {}
    for path, layer in layers.items():
        nodes = list(_calls(graph, path))
        match = _objection(layer, len(nodes), owners) or _match(graph, path, nodes[0])
        if isinstance(match, Match):
            found[path] = match
        else:
            plain[path] = match
    while (shared := _shared(graph, found)) is not None:
        path, target = shared
        del found[path]
        plain[path] = f"feeds {target}, which is used elsewhere too"
    return Plan(graph, tuple(found.values()), plain)


def _calls(graph: fx.GraphModule, target: object) -> Iterator[fx.Node]:
    return (node for node in graph.graph.nodes if node.op == "call_module" and node.target == target)


def _shared(graph: fx.GraphModule, found: dict[str, Match]) -> tuple[str, Any] | None:
    """A layer, and a module that it would take in and that not only such layers use."""
    taken = {node for match in found.values() for node in match.taken}
    return next(((path, node.target) for path, match in found.items() for node in match.taken
                 if node.op == "call_module" and not taken.issuperset(_calls(graph, node.target))), None)  # fmt: skip


def _objection(layer: nn.Module, uses: int, owners: Counter[int]) -> str | None:
    """Why a layer stays plain, whatever comes behind it."""
    parameters = list(layer.parameters())
    if uses == 0:
        return "is not called as a layer of its own"
    if uses > 1:
        return f"is used {uses} times"
    if any(owners[id(each)] > 1 for each in parameters):
        return "shares parameters with another layer"
    if has_hooks(layer):
        return "has hooks"
    if not all(bool(torch.isfinite(each).all()) for each in parameters):
        return "has weights that are not finite"
    return None


def _match(graph: fx.GraphModule, path: str, node: fx.Node) -> Match | str:
    """The layer with its norm and activation, or why it has none."""
    norm, user = None, _user(node)
    if isinstance(user, fx.Node) and (module := _module(graph, user)) is not None and is_norm(module):
        hooked = f"feeds {user.target}, which has hooks" if has_hooks(module) else None
        reason = hooked or norm_objection(module, graph.get_submodule(path))
        norm, user = user, reason or _user(user)
    if isinstance(user, str):
        return user
    behind = norm or node
    if (module := _module(graph, user)) is not None and has_hooks(module):
        return f"feeds {user.target}, which has hooks"
    kind = _kind(graph, behind, user)
    if kind is None:
        name = getattr(user.target, "__name__", user.target) if user.op == "call_function" else user.target
        return f"feeds {name}, no sign, tanh or hardtanh{JOINED if name in SUMS else ''}"
    dropout = _dropout(graph, node)
    return Match(path, node, user, kind, _source(graph, dropout or node), norm, dropout)


def _user(node: fx.Node) -> fx.Node | str:
    """The one node that takes another, or why there is none."""
    users = list(node.users)
    if len(users) == 1 and users[0].op != "output":
        return users[0]
    return "gives the output" if any(user.op == "output" for user in users) else f"feeds {len(users)} places"


def _module(graph: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else None


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


def _dropout(graph: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """The dropout, as a module, of what a layer alone reads."""
    before = node.args[0] if node.args else None
    if not isinstance(before, fx.Node) or len(before.users) != 1:
        return None
    module = _module(graph, before)
    return before if type(module) is nn.Dropout and not has_hooks(module) and 0 < module.p < 1 else None


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


def blocks_of(match: Match, graph: fx.GraphModule) -> dict[str, Any]:
    """The options of `BinaryLinear` for what a layer takes in besides its activation."""
    norm, dropout = (None if each is None else graph.get_submodule(str(each.target)) for each in
                     (match.norm, match.dropout))  # fmt: skip
    found: dict[str, Any] = {} if norm is None else {"normalise": KINDS[type(norm)]}
    return found if dropout is None else found | {"dropout": dropout.p}
