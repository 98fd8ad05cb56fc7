"""What a fresh process costs: one derivation of each surrogate, and the start of the command line."""

from __future__ import annotations

import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.timing import Row, interleaved, progress
from theory.surrogates import CATALOGUE

DERIVATION_ROUNDS, START_ROUNDS = 3, 7
DERIVATION_LIMIT, CATALOGUE_LIMIT = 1.0, 10.0
START_LIMITS = {("--help",): 0.3, ("derive", "deterministic", "--json"): 2.5}
ONE_DERIVATION = """
import sys, time
from theory.compose import compose
from theory.derive import derive
surrogate = compose(sys.argv[1])
start = time.perf_counter()
derive(surrogate)
print(time.perf_counter() - start)
"""


def derivation_rows() -> list[Row]:
    """Seconds of one derivation in a process that has derived nothing before; imports are not counted."""
    names = [surrogate.name for surrogate in CATALOGUE]
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(DERIVATION_ROUNDS):
        progress(f"derivations, round {turn + 1} of {DERIVATION_ROUNDS}")
        for name in names:
            seconds[name].append(float(_output(sys.executable, "-c", ONE_DERIVATION, name)))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    rows = [Row("derivation", name, value, "s", limit=DERIVATION_LIMIT) for name, value in medians.items()]
    return [*rows, Row("derivation", "the catalogue", sum(medians.values()), "s", limit=CATALOGUE_LIMIT)]


def start_rows() -> list[Row]:
    """Wall time of whole commands, the interpreter's start included."""
    progress("command line")
    program = _command_line()
    cases = {" ".join(("meanbits", *arguments)): partial(_output, *program, *arguments) for arguments in START_LIMITS}
    cases["the interpreter alone"] = partial(_output, sys.executable, "-c", "")
    seconds, limits = interleaved(cases, START_ROUNDS), [*START_LIMITS.values(), None]
    return [
        Row("start to end", name, statistics.median(times), "s", limit=limit)
        for (name, times), limit in zip(seconds.items(), limits, strict=True)
    ]


def _command_line() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("meanbits")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "meanbits")


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout
