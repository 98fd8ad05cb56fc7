"""A layer from names, as options give them."""

from __future__ import annotations

import sympy as sp

from meanbits.theory.declarations.blocks.normalise import KINDS
from meanbits.theory.declarations.layer import Layer, layer_of
from meanbits.theory.declarations.options import number, pick
from meanbits.theory.declarations.surrogates import Surrogate
from meanbits.theory.errors import SurrogateError, shown

NO_BLOCK = "none"


def layer_named(
    surrogate: Surrogate,
    *,
    normalise: str | None = None,
    dropout: str | float | None = None,
    scale: str | float | None = None,
    skip: str | None = None,
) -> Layer:
    """The layer of a surrogate with the blocks of these options.

    normalise: none, batch, rms, layer. dropout: P in [0, 1). scale: ALPHA > 0. skip: none or A[:B], x' = A x + B F(x).

    Raises:
        SurrogateError: an unknown name, a number out of range, or parts that do not fit together.

    >>> from meanbits.theory.declarations.compose import compose
    >>> layer_named(compose("random-binary"), skip="1").blocks[0].name
    'skip 1 x + 1 (sign neurons, dense (fixed signs weights))'
    """
    kinds = {NO_BLOCK: None, **{kind: kind for kind in KINDS}}
    norm = None if normalise is None else pick("norm", normalise, kinds)
    share = sp.S.Zero if dropout is None else number("--dropout", dropout)
    if not 0 <= share < 1:
        raise SurrogateError(f"--dropout {dropout}: the share that is dropped must lie in [0, 1)")
    factor = sp.S.One if scale is None else number("--scale", scale)
    if not factor > 0:
        raise SurrogateError(f"--scale {scale}: it must be positive")
    around = None if skip in (None, NO_BLOCK) else _skip(str(skip))
    return layer_of(surrogate, normalise=norm, dropout=share, scale=factor, skip=around)


def _skip(text: str) -> tuple[sp.Expr, sp.Expr]:
    carry, colon, add = text.partition(":")
    found = number("--skip A, A", carry), number("--skip A:B, B", add) if colon else sp.S.One
    if 0 in found:
        raise SurrogateError(f"--skip {shown(text)}: neither A nor B may be 0; for no skip write none")
    return found
