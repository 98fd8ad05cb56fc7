"""Read a model by running it: every function of Torch that it calls, as Torch itself reports them.

A mode of Torch's own overrides sees calls of modules, of functions and of exported programs alike, with the values that
went in, so that models need no tracing: branches, loops and shared modules are read as they ran.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from meanbits.experiments.check.measure import by_unit, gradient_at, measured
from meanbits.experiments.check.records import INPUT, Record
from meanbits.numerics.layers.surrogate_layer import SurrogateLayer

ON_CHANNELS = ("conv", "batch_norm", "group_norm", "instance_norm", "pool")  # whose units are dimension 1
ASKING = {"__set__", "__len__", "dim", "size", "numel", "item", "requires_grad_", "register_hook"}
LAYER = "meanbits layer"


class Reader(TorchFunctionMode):
    """Records calls on tensors while it is entered. Calls inside others, and in meanbits layers, are one with these."""

    def __init__(self, model: nn.Module, batch: int) -> None:
        super().__init__()
        self.paths = {id(module): name for name, module in model.named_modules()}
        self.batch = batch
        self.records: list[Record] = []
        self.measures = True  # gradients, as they come
        self.path = [""]
        self.calls: Counter[str] = Counter()
        self._by_tensor: dict[int, Record] = {}
        self._inside = 0  # calls whose inner calls are not looked at

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = str(getattr(func, "__name__", type(func).__name__))
        if name == "__get__":  # a property, such as T
            name = str(getattr(func.__self__, "__name__", name))
        if self._inside or name in ASKING:
            return func(*args, **kwargs)
        return self.call(name, func, args, kwargs)

    def call(self, name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Call a function, and note it."""
        parents = self.parents((args, kwargs))
        self._inside += 1
        try:
            out = function(*args, **kwargs)
            self.note(name, function, args, kwargs, parents, out)
        finally:
            self._inside -= 1
        return out

    def parents(self, given: Any) -> tuple[Record, ...]:
        """The records that gave these tensors."""
        found = (self._by_tensor.get(id(leaf)) for leaf in tree_leaves(given) if isinstance(leaf, Tensor))
        return tuple(each for each in found if each is not None)

    def note(
        self, name: str, function: Callable[..., Any], args: Any, kwargs: Any, parents: tuple[Record, ...], out: Any
    ) -> None:
        """A record of each tensor that came out; second moments of states go with the means."""
        follows = any(each.follows for each in parents)
        tensors = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        for tensor in tensors[:1] if name == LAYER else tensors:
            if any(tensor is each.output and _version(tensor) == each.version for each in parents):
                continue  # as it came
            record = Record(len(self.records), self.path[-1], _plain(name), function, tuple(args), dict(kwargs),
                            parents, tensor, follows, self.calls[self.path[-1]])  # fmt: skip
            for parent in dict.fromkeys(parents):
                parent.consumers.append(record)
            self.add(record)
            if name == LAYER:
                self._by_tensor.update({id(each): record for each in tensors})

    def first(self, tensor: Tensor) -> None:
        """The batch, or a part of it, before the reader is entered."""
        self.add(Record(len(self.records), "", INPUT, torch.clone, (), {}, (), tensor, True))

    def add(self, record: Record) -> None:
        """Keep a record, and with it its tensor, so that no other takes its identity; measure it."""
        self.records.append(record)
        tensor = record.output
        self._by_tensor[id(tensor)] = record
        record.version = _version(tensor)
        if not record.follows or not tensor.is_floating_point():
            return
        axis = record.axis = self._axis(record)
        with torch.no_grad():
            record.cut = measured(tensor.detach(), self.batch, axis)
        if tensor.requires_grad:
            tensor.register_hook(lambda gradient: self._measure(record, gradient, axis))

    def _measure(self, record: Record, gradient: Tensor, axis: int) -> None:
        if not self.measures:
            return
        with torch.no_grad():
            arranged = by_unit(gradient.detach(), self.batch, axis)
            record.gradient = None if arranged is None else gradient_at(arranged)

    def _axis(self, record: Record) -> int:
        """The dimension of units: 1 behind what works on channels, as long as the shape stays; else the last."""
        dimensions = record.output.dim()
        if dimensions < 3:
            return -1
        before = [each for each in record.followed if each.output.dim() == dimensions]
        channels = any(part in record.name for part in ON_CHANNELS) or (record.is_first and dimensions == 4)
        return 1 if channels or (before and all(each.axis == 1 for each in before)) else -1

    def enter(self, module: nn.Module, args: Any) -> None:
        """A module of the model begins."""
        if self._inside and not isinstance(module, SurrogateLayer):
            return
        self.path.append(self.paths[id(module)])
        self.calls[self.path[-1]] += 1
        self._inside += isinstance(module, SurrogateLayer)

    def leave(self, module: nn.Module, args: Any, out: Any) -> None:
        """It ends, or raised."""
        whole = isinstance(module, SurrogateLayer)
        if self._inside and not whole:
            return
        if whole and self._inside == 1 and out is not None:
            self.note(LAYER, module, args, {}, self.parents(args), out)
        self._inside -= whole
        self.path.pop()


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _plain(name: str) -> str:
    """Without the name of an overload, and of what works in place."""
    return name.split(".")[0].strip("_")


@contextmanager
def reading(reader: Reader) -> Iterator[None]:
    """Let a reader see what its model does in this thread; afterwards Torch and the model hold nothing of it."""
    thread = threading.get_ident()

    def mine(module: nn.Module) -> bool:
        return threading.get_ident() == thread and id(module) in reader.paths

    before = module_hooks.register_module_forward_pre_hook(
        lambda module, args: reader.enter(module, args) if mine(module) else None
    )
    after = module_hooks.register_module_forward_hook(
        lambda module, args, out: reader.leave(module, args, out) if mine(module) else None, always_call=True
    )
    apply = torch.autograd.Function.__dict__["apply"]

    def applied(cls: Any, *args: Any, **kwargs: Any) -> Any:
        """Functions with a backward of their own do not report to modes of Torch."""
        call = apply.__get__(None, cls)
        if threading.get_ident() != thread or reader._inside:
            return call(*args, **kwargs)
        return reader.call(cls.__name__, call, args, kwargs)

    try:
        torch.autograd.Function.apply = classmethod(applied)  # type: ignore[method-assign]
        with reader:
            yield
    finally:
        torch.autograd.Function.apply = apply
        before.remove()
        after.remove()
