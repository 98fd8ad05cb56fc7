"""What a fresh process costs: one derivation of each surrogate, and the start of the command line."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.timing import SECONDS, Row, Timing, interleaved, progress, timed_row
from meanbits.theory.declarations.surrogates import CATALOGUE

DERIVATION_ROUNDS, START_ROUNDS = 3, 7
DERIVATION_LIMIT, CATALOGUE_LIMIT = 1.0, 10.0
START_LIMITS = {("--help",): 0.3, ("derive", "deterministic", "--json"): 2.5}
ONE_DERIVATION = """
import sys, time
from meanbits.theory.declarations.compose import compose
from meanbits.theory.derive import derive
surrogate = compose(sys.argv[1])
start = time.perf_counter(), time.process_time()
derive(surrogate)
print(time.perf_counter() - start[0], time.process_time() - start[1])
"""


def derivation_rows() -> list[Row]:
    """Seconds of one derivation in a process that has derived nothing before; imports are not counted."""
    names = [surrogate.name for surrogate in CATALOGUE]
    seconds: dict[str, list[tuple[float, ...]]] = {name: [] for name in names}
    for turn in range(DERIVATION_ROUNDS):
        progress(f"derivations, round {turn + 1} of {DERIVATION_ROUNDS}")
        for name in names:
            seconds[name].append(tuple(map(float, _output(sys.executable, "-c", ONE_DERIVATION, name).split())))
    timings = {name: Timing(*zip(*each, strict=True)) for name, each in seconds.items()}
    rows = [timed_row("derivation", name, each, SECONDS, limit=DERIVATION_LIMIT) for name, each in timings.items()]
    rounds = zip(*((each.wall, each.cpu) for each in timings.values()), strict=True)
    whole = Timing(*(tuple(map(sum, zip(*each, strict=True))) for each in rounds))
    return [*rows, timed_row("derivation", "the catalogue", whole, SECONDS, limit=CATALOGUE_LIMIT)]


def start_rows() -> list[Row]:
    """Wall time of whole commands, the interpreter's start included."""
    progress("command line")
    program = _command_line()
    cases = {" ".join(("meanbits", *arguments)): partial(_output, *program, *arguments) for arguments in START_LIMITS}
    cases["the interpreter alone"] = partial(_output, sys.executable, "-c", "")
    timings, limits = interleaved(cases, START_ROUNDS), [*START_LIMITS.values(), None]
    return [
        Row("start to end", name, timing.seconds, "s", limit=limit)
        for (name, timing), limit in zip(timings.items(), limits, strict=True)
    ]


def _command_line() -> tuple[str, ...]:
    script = Path(sys.executable).with_name("meanbits")
    return (str(script),) if script.is_file() else (sys.executable, "-m", "meanbits")


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout
