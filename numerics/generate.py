"""`python -m meanbits.numerics.generate`: write the emitted modules of the catalogue to `generated/`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from meanbits.numerics.emission import generated
from meanbits.numerics.emission.backends import NUMPY
from meanbits.numerics.emission.derived_traits import derived_traits
from meanbits.numerics.emission.emit import emit, emitted_functions, omitted_functions
from meanbits.numerics.emission.generated_modules import GENERATED, file_name
from meanbits.numerics.emission.registry import backend_of
from meanbits.numerics.emission.traits import paper_file, slopes_file
from meanbits.numerics.spectra.generate import slopes_module, spectra_module, theories_with_jacobian
from meanbits.numerics.whole_files import write_text
from meanbits.theory.declarations.parts import parts, row_parts
from meanbits.theory.declarations.rows import CHAINS
from meanbits.theory.declarations.surrogates import CATALOGUE, Surrogate, in_paper_form
from meanbits.theory.derive import Theory, derive

FOLDER = Path(generated.__file__).parent
DOCSTRING = '"""The catalogue as code, emitted by `python -m meanbits.numerics.generate`; never edited."""\n'
ROWS = '''"""What `emission.ready` reads of the catalogue, by `python -m meanbits.numerics.generate`."""

from meanbits.numerics.emission.traits import MeansTraits, Traits

# Of each: its traits, the functions of its modules, and those left out.
ROWS: dict[str, tuple[Traits, tuple[str, ...], tuple[str, ...]]] = {{
{rows}
}}

# Of those that have one, the paper form of gain 1.
PAPER_ROWS: dict[str, tuple[Traits, tuple[str, ...], tuple[str, ...]]] = {{
{papers}
}}
'''


LISTING = '''"""The catalogue by its parts, by `python -m meanbits.numerics.generate`."""

SURROGATES: list[dict[str, str]] = [
{surrogates}
]

CHAINS: list[dict[str, str]] = [
{chains}
]
'''


def modules_of(surrogate: Surrogate) -> Iterator[tuple[str, str]]:
    """File name and source of a surrogate's modules, one a backend."""
    for backend in GENERATED:
        yield file_name(surrogate.name, backend), emit(derive(surrogate), backend_of(backend))


def generated_files() -> Iterator[tuple[str, str]]:
    """Name and text of every file that belongs in the folder."""
    yield "__init__.py", DOCSTRING
    papers = {each.name: in_paper_form(each) for each in CATALOGUE if derived_traits(derive(each)).has_paper_form}
    yield "rows.py", ROWS.format(rows=_rows({each.name: each for each in CATALOGUE}), papers=_rows(papers))
    listed = ("\n".join(f"    {each!r}," for each in rows) for rows in (map(parts, CATALOGUE), map(row_parts, CHAINS)))
    yield "listing.py", LISTING.format(surrogates=next(listed), chains=next(listed))
    for surrogate in CATALOGUE:
        yield from modules_of(surrogate)
    for name, surrogate in papers.items():
        yield file_name(paper_file(name), NUMPY.name), emit(derive(surrogate))
    yield "spectra.py", spectra_module()
    for theory in theories_with_jacobian():
        yield file_name(slopes_file(theory.surrogate.name), NUMPY.name), slopes_module(theory)


def _rows(surrogates: Mapping[str, Surrogate]) -> str:
    return "\n".join(line for name, each in surrogates.items() for line in _row(name, derive(each)))


def _row(name: str, theory: Theory) -> Iterator[str]:
    functions = tuple(function.name for function in emitted_functions(theory))
    yield f"    {name!r}: ("
    yield "        Traits("
    yield from (f"            {trait}={value!r}," for trait, value in vars(derived_traits(theory)).items())
    yield "        ),"
    yield f"        {functions!r},"
    yield f"        {omitted_functions(theory)!r},"
    yield "    ),"


def generate(folder: Path = FOLDER) -> tuple[list[str], list[str]]:
    """Write every file, each whole or not at all, and remove modules of no surrogate; names written, names removed."""
    files = dict(generated_files())
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        write_text(folder / name, text)
    stale = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in files)
    for path in stale:
        path.unlink()
    return list(files), [path.name for path in stale]


def main() -> None:
    """Write the folder and say what was done."""
    written, removed = generate()
    print(f"wrote {len(written)} files to {FOLDER}")
    if removed:
        print(f"removed {', '.join(removed)}")


if __name__ == "__main__":
    main()
