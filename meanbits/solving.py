"""Questions about a surrogate or a chain of blocks, each answered by the solver for what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import ArrayLike

    from meanbits.numerics.certificates.proof import Certificate
    from meanbits.numerics.depth.advise import Advice
    from meanbits.numerics.depth.followed import Profile
    from meanbits.numerics.depth.layer_advise import LayerAdvice
    from meanbits.numerics.depth.layer_fixed_points import LayerPoints
    from meanbits.numerics.emission.ready import ReadyTheory
    from meanbits.numerics.solvers.solve import FixedPoint
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate
    from meanbits.theory.derive import Theory

    Subject = Theory | Surrogate | Layer | str


def fixed_point(
    surrogate: Subject,
    sigma_m2: ArrayLike,
    sigma_b2: ArrayLike,
    gain: ArrayLike | None = None,
    backend: str = "numpy",
) -> FixedPoint | LayerPoints:
    """The stable fixed point (q, c) at each (sigma_m2, sigma_b2), with its slopes and depth scales; of a chain of
    blocks, what layers come to, NaN at those of several points where `found` says that they come to none.

    gain takes the place of that of a surrogate in paper form. The arguments broadcast. backend: numpy, or c, which is
    for many points of a surrogate and compiles once.

    Raises:
        ValueError: a single layer, one point where a chain comes to no fixed point, parameters out of the domain, or a
            backend without arrays of NumPy, and for chains any but numpy.
    """
    from meanbits.numerics.solvers.solve import fixed_point as solve

    row = _row(surrogate)
    if row is not None:
        return solve(row, sigma_m2, sigma_b2, gain, backend)
    from meanbits.numerics.depth.layer_fixed_points import layer_fixed_points, no_fixed_point

    layer = _layer(surrogate, gain)
    if layer is not None:
        _check_of_chains(backend, layer, sigma_m2, sigma_b2)
        found = layer_fixed_points(layer, sigma_m2, sigma_b2)
        if found.found.ndim == 0 and not found.found:
            raise ValueError(no_fixed_point(layer))
        return found
    return solve(_theory(surrogate), sigma_m2, sigma_b2, gain, backend)


def phase_diagram(
    surrogate: Subject,
    sigma_m2: ArrayLike,
    sigma_b2: ArrayLike,
    gain: ArrayLike | None = None,
    backend: str = "numpy",
) -> xr.Dataset:
    """`fixed_point` on a grid of (sigma_m2, sigma_b2), or of (sigma_m2, gain), as a labelled dataset.

    Raises:
        ValueError: as `fixed_point`, or for axes without points.
    """
    from meanbits.numerics.solvers.phase import phase_diagram as grid

    row = _row(surrogate)
    if row is not None:
        return grid(row, sigma_m2, sigma_b2, gain, backend)
    from meanbits.numerics.depth.layer_phase import layer_phase_diagram

    layer = _layer(surrogate, gain)
    if layer is not None:
        _check_of_chains(backend, layer, sigma_m2, sigma_b2)
        return layer_phase_diagram(layer, sigma_m2, sigma_b2)
    return grid(_theory(surrogate), sigma_m2, sigma_b2, gain, backend)


def _check_of_chains(backend: str, layer: Layer, sigma_m2: ArrayLike, sigma_b2: ArrayLike) -> None:
    from meanbits.numerics.solvers.domain import check_layer_domain

    if backend != "numpy":
        raise ValueError(f"backend {backend}: chains of blocks are solved by numpy")
    check_layer_domain(layer, sigma_m2, sigma_b2)


def certify(surrogate: Subject, direction: str = "forward") -> Certificate | None:
    """Whether a critical initialisation exists, with a proof by algebra and ball arithmetic.

    direction: "forward", whether c = 1 is a fixed point of slope 1, or "backward", whether squared gradients neither
    grow nor vanish; None where they see no slope.

    Raises:
        ValueError: an unknown direction, layers without fixed point, or a form that no chain of blocks has.
    """
    from meanbits.numerics.certificates.certify import certify as prove
    from meanbits.numerics.certificates.chain_backward import backward_certificate
    from meanbits.numerics.certificates.chain_certificate import forward_certificate
    from meanbits.numerics.depth.layer_critical import layer_criticality
    from meanbits.theory.declarations.layer import as_layer

    proofs = {"forward": forward_certificate, "backward": backward_certificate}
    if direction not in proofs:
        raise ValueError(f"direction = {direction!r}: use {' or '.join(proofs)}")
    layer = _layer(surrogate)
    if layer is None and direction == "forward":
        return prove(_theory(surrogate))
    found = layer_criticality(layer or as_layer(_theory(surrogate).surrogate))
    return proofs[direction](found.free, found.guesses(direction))


def profile(layer: Layer | Surrogate | str, depth: int, sigma_m2: float, sigma_b2: float, **first: float) -> Profile:
    """q, c, T and gradients layer by layer, of a surrogate's layer or of a chain of blocks, or the name of either.

    first: q0, c0 and `typical`, the variance and correlations of the first fields; a form that approximates a layer as
    a whole, which its own maps follow, removes no `typical` correlation and takes none.

    Raises:
        ValueError: a depth or first field out of range, or open symbols.
    """
    from meanbits.numerics.depth.map_profile import profile_of_maps

    row = _row(layer)
    if row is not None and not row.traits.real_input and "typical" not in first:
        return profile_of_maps(row, depth, sigma_m2, sigma_b2, **first)
    from meanbits.numerics.depth.profile import profile as follow
    from meanbits.theory.declarations.layer import as_layer
    from meanbits.theory.declarations.surrogates import Surrogate

    subject = _declared(layer)
    if isinstance(subject, Surrogate) and subject.form.name != "exact":
        if "typical" in first:
            raise ValueError(f"typical: form {subject.form.name} has no batch norm; leave it out")
        return profile_of_maps(_theory(subject), depth, sigma_m2, sigma_b2, **first)
    return follow(as_layer(subject), depth, sigma_m2, sigma_b2, **first)


def convolved(subject: Surrogate | Layer | str, window: tuple[int, ...]) -> Layer:
    """A chain with convolutions of this window in place of its dense blocks.

    >>> convolved("random-binary", (3, 3))
    Layer('random-binary': sign neurons, convolution 3x3 (fixed signs weights); treatment none)
    """
    from meanbits.theory.declarations.layer import convolved as with_windows

    return with_windows(_declared(subject), window)


def advise(surrogate: Subject, depth: int, sigma_b2: float = 0.001) -> Advice | LayerAdvice:
    """Whether a depth is trainable, the sigma_m2 to use, and the gain that reaches it where this surrogate does not; of
    a chain of blocks, the norm, skip, slope or scale.

    Raises:
        ValueError: depth below 1, a single layer, or sigma_b2 out of the domain.
    """
    from meanbits.numerics.depth.advise import advise as advise_initialisation

    ready = _row(surrogate)
    if ready is not None:
        return advise_initialisation(ready, depth, sigma_b2)
    from meanbits.numerics.depth.layer_advise import layer_advise
    from meanbits.theory.declarations.rows import row_of_layer
    from meanbits.theory.declarations.words import words_of_row

    layer = _layer(surrogate)
    if layer is not None:
        row = row_of_layer(layer)
        return layer_advise(row, depth, sigma_b2, words_of_row(row))
    return advise_initialisation(_theory(surrogate), depth, sigma_b2)


def _layer(surrogate: Subject, gain: object = None) -> Layer | None:
    """The chain of blocks, if that is what it is; it has no gain."""
    from meanbits.theory.declarations.layer import Layer

    found = _declared(surrogate)
    if isinstance(found, Layer) and gain is not None:
        raise ValueError(f"{found.name} is a chain of blocks and has no gain; leave it out")
    return found if isinstance(found, Layer) else None


def _declared(subject: Any) -> Any:
    """What a name stands for; anything else is as it is."""
    from meanbits.theory.declarations.compose_layer import compose

    return compose(subject) if isinstance(subject, str) else subject


def _row(subject: Any) -> ReadyTheory | None:
    """What lies ready, of a name of the catalogue: it answers without SymPy."""
    from meanbits.numerics.emission.ready import ready

    return ready(subject) if isinstance(subject, str) else None


def _theory(surrogate: Subject) -> Theory:
    from meanbits import derive
    from meanbits.theory.derive import Theory

    return surrogate if isinstance(surrogate, Theory) else derive(surrogate)
