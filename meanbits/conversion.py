"""Torch models as models of surrogate layers, and back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from meanbits import init as initial
from meanbits.numerics.conversion.norms import keep_moments_
from meanbits.numerics.conversion.plan import Match, Plan, blocks_of, plan, traced
from meanbits.numerics.conversion.refusal import ConversionError
from meanbits.numerics.conversion.twins import keep_means_, plain_twin, put, set_latent_, surrogate_twin
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer
from meanbits.numerics.layers.usable import has_hooks, objection, random_state_kept, unwrapped
from meanbits.present import table

if TYPE_CHECKING:
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

INITS = ("means", "critical")


@dataclass(frozen=True)
class Converted:
    """What became of a layer: the activation it took in and the share of its field that is kept, or why it is plain."""

    path: str
    activation: str | None
    inputs: str | None
    kept: float | None
    remark: str


@dataclass(frozen=True)
class Conversion:
    """What became of every Linear and Conv2d of a model, in its order; printed as a table."""

    layers: tuple[Converted, ...]

    def __str__(self) -> str:
        rows = [
            (each.path, each.activation or "-", each.inputs or "-", "-" if each.kept is None else f"{each.kept:.3g}",
             each.remark)
            for each in self.layers
        ]  # fmt: skip
        return table(("layer", "takes in", "inputs", "field kept", "remark"), rows)


def from_torch(
    model: nn.Module, surrogate: Surrogate | Layer | str | None = None, *, init: str = "means", **options: Any
) -> nn.Module:
    """A copy of a model whose Linear and Conv2d layers before a sign, tanh or hardtanh are surrogate layers.

    A surrogate layer contains its neuron, so the activation behind goes with the layer: it is recognised by what it
    does to numbers, as a module or a function, whatever its name. So does a norm between the two, BatchNorm1d or 2d,
    LayerNorm or RMSNorm of gains 1 and shifts 0, and a Dropout before the layer. Skips stay as they are written: what
    they add to is no longer means of bits, and the next layer reads real numbers. All others stay plain, the readout
    among them.
    surrogate, options: as `BinaryLinear` takes them. init: "means" keeps W x + b as the mean of the field, where |W|
    sqrt(N) is within the range of the means, else shrunk into it (which changes no sign of it, but its size beside the
    noise; latent weights keep what rounding leaves); "critical" draws means by `init.critical_`, biases 0. Layers that
    read what such a layer gives take it as means of bits; others their inputs as real numbers, unless `inputs` says.
    What was done is in `.conversion` of the model, which prints as a table.

    Raises:
        ConversionError: a model in half precision, that cannot be traced, or without a layer to convert.

    >>> import torch
    >>> net = nn.Sequential(nn.Linear(9, 4), nn.Tanh(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2))
    >>> print(from_torch(net).conversion)  # doctest: +ELLIPSIS
    layer  takes in  inputs  field kept  remark
    0      tanh      real    1           BinaryLinear, neurons sign
    2      tanh      means   1           BinaryLinear, neurons sign
    4      -         -       -           stays Linear: gives the output
    """
    if init not in INITS:
        raise ConversionError(f"init = {init!r}: use {' or '.join(INITS)}")
    model = _module(model)
    if init == "critical":
        return _converted(model, surrogate, init, options)
    with random_state_kept():
        return _converted(model, surrogate, init, options)


def _module(model: object) -> nn.Module:
    found = unwrapped(model)
    why = objection(found)
    if why is not None or not isinstance(found, nn.Module):
        raise ConversionError(f"the model {why}")
    return found


def _converted(model: nn.Module, surrogate: Any, init: str, options: dict[str, Any]) -> nn.Module:
    found = plan(model)
    matches, plain = _convertible(model, found)
    if not matches:
        reasons = "; ".join(f"{path} {reason}" for path, reason in plain.items())
        raise ConversionError(f"no layer of {type(model).__name__} can be converted: {reasons}")
    in_graph = not all(match.by_module for match in matches)
    made = found.traced if in_graph else copy.deepcopy(model)
    report = {path: Converted(path, None, None, None, f"stays {type(model.get_submodule(path)).__name__}: {reason}")
              for path, reason in plain.items()}  # fmt: skip
    ends = {match.activation for match in matches}
    for match in matches:
        reads = "means" if match.source in ends else "real"
        given = {"inputs": reads} | blocks_of(match, found.traced) | options
        report[match.path] = _convert(made, match, surrogate, init, given)
    _take_out(made, matches, in_graph)
    order = [path for path, _ in model.named_modules() if path in report]
    object.__setattr__(made, "conversion", Conversion(tuple(report[path] for path in order)))
    return made


def _convertible(model: nn.Module, found: Plan) -> tuple[list[Match], dict[str, str]]:
    """Functions in forward can be taken out of a traced graph alone, and that must be the same in training and not."""
    functions = [match for match in found.matches if not match.by_module]
    if not functions or _is_same_in_training(model):
        return list(found.matches), found.plain
    why = "its activation is a function in a forward that depends on training; make it a module, as torch.nn.Tanh()"
    kept = [match for match in found.matches if match.by_module]
    return kept, found.plain | {match.path: why for match in functions}


def _is_same_in_training(model: nn.Module) -> bool:
    codes = {traced(copy.deepcopy(model).train(mode)).code for mode in (True, False)}
    return len(codes) == 1


def _convert(made: nn.Module, match: Match, surrogate: Any, init: str, options: dict[str, Any]) -> Converted:
    layer = made.get_submodule(match.path)
    try:
        twin = surrogate_twin(layer, surrogate, options)
    except TypeError as error:  # options beside an object that has settled them
        raise ConversionError(f"{match.path}: {error}") from None
    kept = None
    if init == "means":
        kept = keep_means_(twin, layer)
        if match.norm is not None:
            keep_moments_(twin, made.get_submodule(str(match.norm.target)), kept)
    else:
        like = twin.latent.detach().clone()
        set_latent_(twin, initial.critical_(like, twin.rule.surrogate, parametrisation="ntk"))
        if twin.bias is not None:
            nn.init.zeros_(twin.bias)
    put(made, match.path, twin)
    parts = [type(twin).__name__, f"{twin.normalise} norm" * (twin.normalise is not None),
             f"dropout {twin.dropout:g}" * bool(twin.dropout), f"neurons {twin.rule.surrogate.neurons.name}",
             "weights rounded" * twin.is_latent]  # fmt: skip
    remark = ", ".join(filter(None, parts))
    return Converted(match.path, match.kind, twin.inputs, kept, remark)


def _take_out(made: nn.Module, matches: list[Match], in_graph: bool) -> None:
    """The activations, norms and dropouts, of which the layers have their own."""
    for node in (each for match in matches for each in match.taken):
        if in_graph:
            node.replace_all_uses_with(node.args[0])  # type: ignore[arg-type]
            node.graph.erase_node(node)
        else:
            put(made, str(node.target), nn.Identity())
    if in_graph:
        made.recompile()  # type: ignore[operator]


def to_torch(model: nn.Module, activation: Callable[[], nn.Module] | None = None) -> nn.Module:
    """A copy of a model whose surrogate layers are Linear and Conv2d of their mean weights, norm and neuron behind.

    W = M / sqrt(N), and what the neurons do at a known field: sign (with a slope for gradients), tanh, relu, ...;
    activation: what to put behind each in their place, as torch.nn.Tanh. The noise of weights is left out.

    Raises:
        ConversionError: no surrogate layers, or neurons or norms that torch.nn does not have.
    """
    model = _module(model)
    with random_state_kept():
        return _plain(model, activation)


def _plain(model: nn.Module, activation: Callable[[], nn.Module] | None) -> nn.Module:
    held = nn.ModuleDict({"model": copy.deepcopy(model)})
    found = [(path, each) for path, each in held.named_modules(remove_duplicate=False)
             if isinstance(each, SurrogateLayer)]  # fmt: skip
    if not found:
        raise ConversionError(f"{type(model).__name__} has no surrogate layers; it is plain already")
    made: dict[nn.Module, nn.Module] = {}
    for path, layer in found:
        name = path.removeprefix("model").removeprefix(".") or "the model"
        if has_hooks(layer):
            raise ConversionError(f"{name} has hooks, which the layers in its place would not have; remove them first")
        made[layer] = made[layer] if layer in made else plain_twin(layer, name, activation)
        put(held, path, made[layer])
    return held["model"]
