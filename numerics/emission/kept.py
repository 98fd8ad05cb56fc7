"""Theories that users put together from words, kept on their disk: each is derived and checked against its definitions
once.

Kept is the emitted NumPy module, with what solvers ask of the theory, under a key of the words, of every source of
`theory` and `numerics`, and of the libraries they rest on.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meanbits.numerics.emission.ready import ReadyTheory
from meanbits.numerics.emission.traits import MeansTraits, Traits
from meanbits.numerics.user_cache import CacheError, digest, keep, kept, own_folder

if TYPE_CHECKING:
    from meanbits.theory.derive import Theory

KIND = "theories"  # the folder of the cache
SUFFIX = ".json"
LIBRARIES = ("sympy", "mpmath", "numpy", "scipy", "python-flint")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, eq=False)
class KeptTheory(ReadyTheory):
    """A theory of words, with the module that was emitted for it."""

    text: str

    def source(self, backend: str) -> str | None:
        return self.text if backend == "numpy" else None

    def module(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {"__name__": "kept"}
        exec(compile(self.text, f"<{self.name}>", "exec"), found)  # ours: `kept` checked its digest, and its folder
        return found


def kept_theory(words: Mapping[str, str]) -> ReadyTheory | None:
    """What was kept of these words, arguments of `declarations.compose.compose`; None where there is nothing.

    Raises:
        CacheError: the cache cannot be used.
    """
    for _, data in kept(own_folder(KIND), _key(words), SUFFIX):
        found = json.loads(data)
        traits = found["traits"]
        weights, missing = MeansTraits(**traits.pop("weights")), tuple(traits.pop("missing"))
        return KeptTheory(words, Traits(weights=weights, missing=missing, **traits), tuple(found["functions"]),
                          tuple(found["omitted"]), found["numpy"])  # fmt: skip
    return None


def keep_theory(words: Mapping[str, str], theory: Theory) -> None:
    """Keep a theory that was checked as it was compiled; not one with parameters, which words do not give.

    Raises:
        CacheError: the cache cannot be used.
    """
    from meanbits.numerics.emission.derived_traits import derived_traits
    from meanbits.numerics.emission.emit import compile_theory, emitted_functions, omitted_functions

    if theory.surrogate.parameters:
        return
    document = {"traits": asdict(derived_traits(theory)), "omitted": omitted_functions(theory),
                "functions": [each.name for each in emitted_functions(theory)],
                "numpy": compile_theory(theory).source}  # fmt: skip
    folder = own_folder(KIND)
    try:
        with tempfile.TemporaryDirectory(suffix=".part", dir=folder) as drafts:
            draft = Path(drafts) / f"theory{SUFFIX}"
            draft.write_text(json.dumps(document), encoding="utf-8")
            keep(draft, folder, _key(words))
    except OSError as error:
        raise CacheError(f"{folder}: {error.strerror}") from None


def _key(words: Mapping[str, str]) -> str:
    return digest([json.dumps(sorted(words.items())), *_made_by()])


@lru_cache(maxsize=1)
def _made_by() -> tuple[str | bytes, ...]:
    """The sources and libraries that derive and emit."""
    paths = sorted(path for part in ("theory", "numerics") for path in (ROOT / part).rglob("*.py"))
    sources = (part for path in paths for part in (str(path.relative_to(ROOT)), path.read_bytes()))
    return (sys.version, *map(_version, LIBRARIES), *sources)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
