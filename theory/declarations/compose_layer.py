"""A layer from names, as options give them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sympy as sp

from meanbits.theory.declarations.blocks.normalise import KINDS
from meanbits.theory.declarations.compose import compose as compose_surrogate
from meanbits.theory.declarations.layer import Layer
from meanbits.theory.declarations.options import number, pick
from meanbits.theory.declarations.rows import CHAINS, Row
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate
from meanbits.theory.errors import SurrogateError, shown

NO_BLOCK, BEHIND = "none", "behind"
BLOCKS = ("normalise", "dropout", "scale", "skip")


def compose(name: str | None = None, **options: Any) -> Surrogate | Layer:
    """The surrogate of these options, or its chain of blocks where the name or an option gives it some.

    name: of the catalogue. options: those of `declarations.compose.compose` and of `layer_named`.

    Raises:
        SurrogateError: an unknown name (with the nearest), or parts that do not fit together (with the reason).

    >>> [block.name for block in compose("xnor", neurons="tanh", scale=2).blocks]
    ['batch norm', 'tanh, backward clip neurons', 'dense (fixed signs weights)', 'scale 2']
    """
    row = row_of(name, **options)
    plain = all(options.get(block) is None for block in BLOCKS) and row == Row(row.surrogate)
    return row.surrogate if plain and name not in names_of_chains() else row.layer


def row_of(name: str | None = None, **options: Any) -> Row:
    """The surrogate of these options and the blocks beside it.

    Raises:
        SurrogateError: as `compose`.
    """
    parts = {option: value for option, value in options.items() if option not in BLOCKS}
    blocks = {option: options.get(option) for option in BLOCKS}
    chains = names_of_chains()
    if name is not None:
        pick("surrogate", name, {**{each.name: each for each in CATALOGUE}, **chains})
    row = None if name is None else chains.get(name)
    if row is None:
        return with_blocks(Row(compose_surrogate(name, **parts)), **blocks)
    return with_blocks(replace(row, surrogate=compose_surrogate(row.surrogate, **parts)), **blocks)


def names_of_chains() -> dict[str, Row]:
    """The rows of `CHAINS` by name."""
    return {row.name: row for row in CHAINS}


def layer_named(base: Surrogate, **blocks: Any) -> Layer:
    """The layer of a surrogate with the blocks of these options.

    normalise: none, batch, rms, layer, before the neurons, or KIND:behind, of what the weights give. dropout: P in
    [0, 1). scale: ALPHA > 0. skip: none or A[:B], x' = A x + B F(x).

    Raises:
        SurrogateError: an unknown name, a number out of range, or parts that do not fit together.

    >>> layer_named(compose_surrogate("random-binary"), skip="1").blocks[0].name
    'skip 1 x + 1 (sign neurons, dense (fixed signs weights))'
    """
    return with_blocks(Row(base), **blocks).layer


def with_blocks(
    row: Row,
    *,
    normalise: str | None = None,
    dropout: str | float | None = None,
    scale: str | float | None = None,
    skip: str | None = None,
) -> Row:
    """The row with these blocks in place of its own."""
    if normalise is not None:
        kind, behind = _norm(str(normalise))
        row = replace(row, normalise=kind, behind=behind)
    if dropout is not None:
        share = number("--dropout", dropout)
        if not 0 <= share < 1:
            raise SurrogateError(f"--dropout {dropout}: the share that is dropped must lie in [0, 1)")
        row = replace(row, dropout=share)
    if scale is not None:
        factor = number("--scale", scale)
        if not factor > 0:
            raise SurrogateError(f"--scale {scale}: it must be positive")
        row = replace(row, scale=factor)
    return row if skip is None else replace(row, skip=None if skip == NO_BLOCK else _skip(str(skip)))


def _norm(text: str) -> tuple[str | None, bool]:
    kind, colon, where = text.partition(":")
    found = pick("norm", kind, {NO_BLOCK: None, **{kind: kind for kind in KINDS}})
    if colon and (where != BEHIND or found is None):
        raise SurrogateError(f"--normalise {shown(text)}: write KIND, or KIND:{BEHIND} for the norm of what the "
                             "weights give")  # fmt: skip
    return found, bool(colon)


def _skip(text: str) -> tuple[sp.Expr, sp.Expr]:
    carry, colon, add = text.partition(":")
    found = number("--skip A, A", carry), number("--skip A:B, B", add) if colon else sp.S.One
    if 0 in found:
        raise SurrogateError(f"--skip {shown(text)}: neither A nor B may be 0; for no skip write none")
    return found
