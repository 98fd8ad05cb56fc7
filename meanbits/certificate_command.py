"""The command check-certificate, and what critical writes with --certificate."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from meanbits.options import Command, fail, json_option
from meanbits.present import filled, json_text, notice

if TYPE_CHECKING:
    from meanbits.numerics.certificates.proof import Certificate
    from meanbits.theory.declarations.layer import Layer
    from meanbits.theory.declarations.surrogates import Surrogate

MOST_BYTES = 1_000_000
VERDICTS = {
    "none": "no critical initialisation",
    "attained": "a critical initialisation",
    "limit": "critical only in a limit",
}
GROWTH = "squared gradients grow by chi_g > 1 a layer, whatever the variances"
EPILOG = """\b
The checker runs without meanbits too, with python-flint and nothing else: it is
numerics/certificates/checker.py, called as python checker.py F.json. The format and the
theorems are in docs/certificates.md.

\b
Example: meanbits check-certificate lrt.json
  lrt.json by meanbits critical lrt --certificate lrt.json"""


@click.command("check-certificate", cls=Command, epilog=EPILOG)
@click.argument("path", metavar="F", type=click.Path(path_type=Path))
@json_option
def check_certificate(path: Path, as_json: bool) -> None:
    """Verify a certificate that `meanbits critical` wrote, without the search that found it.

    F.json is checked by a program of its own, which computes every step anew with error bounds; then its model is
    compared with the surrogate that its statement names. F.v, for Rocq (Coq 8.16 with coq-interval), is compared with
    the file that belongs to its statement and compiled by coqc. The exit code is 2 where it is refused.
    """
    from meanbits.numerics.certificates.balls import UnprovedError
    from meanbits.numerics.certificates.checker import RefusedError
    from meanbits.numerics.certificates.coqc import compiled
    from meanbits.numerics.certificates.standalone import checked
    from meanbits.theory.errors import SurrogateError

    try:
        statement, compared = (compiled if path.suffix == ".v" else checked)(_text(path))
    except (RefusedError, SurrogateError, UnprovedError) as error:
        fail(f"{path}: refused: {error}")
    if not compared:
        notice("the surrogate was declared in Python, so that its model was not compared with the declaration")
    if as_json:
        click.echo(json_text({"certificate": str(path), "proven": True, "compared": compared, **statement}))
        return
    click.echo(filled(f"proven: {described(statement)}", ""))


def described(statement: dict[str, Any]) -> str:
    """A statement in words."""
    if "point" not in statement:
        what = GROWTH if statement["kind"] == "norm" else VERDICTS[statement["verdict"]]
        return f"{statement['surrogate']}: {what}, by coqc"
    middle = {name: sum(map(Fraction, ends)) / 2 for name, ends in statement["point"].items()}
    point = ", ".join(f"{name} = {float(value):.10g}" for name, value in middle.items())
    if "chi_g" in middle:
        size = GROWTH if statement["verdict"] == "none" else GROWTH.replace("> 1", "= 1")
        return f"{statement['surrogate']}: {size}; {point}"
    largest = statement["largest sigma_m2"]
    bound = "any sigma_m2" if largest is None else f"sigma_m2 <= {largest}"
    where = f", at {point}" if point else ""
    return f"{statement['surrogate']}: {VERDICTS[statement['verdict']]} with {bound}, sigma_b2 >= 0{where}"


def _text(path: Path) -> str:
    from meanbits.numerics.whole_files import read_bytes

    try:
        if path.stat().st_size > MOST_BYTES:
            fail(f"{path}: refused: it is larger than {MOST_BYTES:,} bytes, and no certificate")
        return read_bytes(path).decode()
    except UnicodeDecodeError:
        fail(f"{path}: refused: it is no text")
    except (OSError, ValueError) as error:
        fail(f"{path}: {getattr(error, 'strerror', None) or error}; name a file of meanbits critical --certificate")


def require_writable(path: Path | None) -> None:
    """Refuse a name that no certificate can have, before anything is computed."""
    from meanbits.files import unwritable_file

    if path is None:
        return
    if path.suffix not in (".json", ".v"):
        fail(f"--certificate {path}: the name must end in .json, or in .v for Rocq")
    if reason := unwritable_file(path):
        fail(f"--certificate {path}: {reason}")


def certificate_text(path: Path, subject: Surrogate | Layer, proof: Certificate) -> str:
    """What the checker accepts, of the kind that the name of the file says, or one line on why there is none."""
    from meanbits.numerics.certificates.balls import UnprovedError
    from meanbits.numerics.certificates.rocq_files import rocq
    from meanbits.numerics.certificates.standalone import standalone

    try:
        return (rocq if path.suffix == ".v" else standalone)(subject, proof)
    except UnprovedError as error:
        fail(f"--certificate {path}: {error}; leave it out for the proof in words")


def write_certificate(path: Path, text: str) -> None:
    """Write a certificate, whole, and say so."""
    from meanbits.numerics.whole_files import write_text

    write_text(path, text)
    notice(f"wrote {path}")
