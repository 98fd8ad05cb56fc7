"""Certificates for Rocq, compiled: no file but one that meanbits makes for its statement is given to coqc."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from meanbits.numerics.certificates.checker import RefusedError, need
from meanbits.numerics.certificates.rocq_files import made_again

MOST_SECONDS = 600
LIBRARIES = "Coq 8.16 with coquelicot and coq-interval (Debian: coq, libcoq-coquelicot, libcoq-interval)"


def compiled(text: str) -> tuple[dict[str, Any], bool]:
    """The statement of a file that coqc accepts, and that it was compared with its surrogate.

    Raises:
        RefusedError: a file of another text than its statement gives, one that coqc refuses, or no coqc.
        SurrogateError or UnprovedError: as `rocq_files.made_again`.
    """
    statement, again = made_again(text)
    need(again == text, "it is not the file that meanbits makes for its statement")
    program = shutil.which("coqc")
    if program is None:
        raise RefusedError(f"there is no coqc to check it; install {LIBRARIES}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "certificate.v"
        source.write_text(text, encoding="utf-8")
        try:
            done = subprocess.run([program, "-q", source.name], cwd=folder, capture_output=True, text=True,
                                  timeout=MOST_SECONDS, check=False)  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RefusedError(f"coqc did not end within {MOST_SECONDS} s") from error
    need(done.returncode == 0, f"coqc does not accept it: {' '.join(done.stderr.split())[-300:]}; it needs {LIBRARIES}")
    return statement, True
