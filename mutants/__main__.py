"""Try the tests on a sample of mutants: python -m mutants, after the run of the tests that `make mutants` does."""

from __future__ import annotations

import json
import sys
import tomllib
from collections import Counter
from pathlib import Path

from coverage import Coverage

from mutants.covering import Tests
from mutants.page import PAGE, page
from mutants.sampling import Mutant, sample
from mutants.trial import Copy

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "mutants"
LEDGER = BUILD / "outcomes.jsonl"  # what was killed in an earlier run is not tried again; `make clean` forgets


def drawn(plan: dict[str, object]) -> list[Mutant]:
    """The mutants of a plan."""
    paths = [path.relative_to(ROOT).as_posix() for folder in plan["folders"] for path in (ROOT / folder).rglob("*.py")]
    chosen = [path for path in sorted(paths) if any(path.startswith(only) for only in sys.argv[1:] or [""])]
    return [each for path in chosen for each in sample(ROOT, path, plan["operators"], plan["lines_each"], plan["seed"])]


def known() -> dict[tuple[str, ...], str]:
    """Outcomes of earlier runs, and the mutants that are no fault."""
    lines = LEDGER.read_text(encoding="utf-8").splitlines() if LEDGER.exists() else []
    earlier = {tuple(key): outcome for *key, outcome in map(json.loads, lines) if outcome != "survived"}
    listed = tomllib.loads((ROOT / "mutants" / "equivalent.toml").read_text(encoding="utf-8"))
    same = {(path, *pair): "equivalent" for path, entries in listed.items() for *pair, _ in entries}
    return earlier | same


def main() -> None:
    """Try what is not known, and write the page."""
    plan = tomllib.loads((ROOT / "mutants" / "plan.toml").read_text(encoding="utf-8"))
    measured = Coverage(data_file=BUILD / "coverage")
    measured.load()
    tests, outcomes, mutants = Tests(ROOT, measured.get_data(), BUILD / "tests.xml"), known(), drawn(plan)
    copy = Copy(ROOT, BUILD / "copy")
    chosen = {each.key: tests.within(tests.of(each.path, each.line), plan["seconds"])
              for each in mutants if each.key not in outcomes}  # fmt: skip
    copy.find(sorted(set().union(*chosen.values())))
    for count, mutant in enumerate(mutants, 1):
        if mutant.key in outcomes:
            continue
        names = chosen[mutant.key]
        outcome = copy.outcome(mutant, names, sum(tests.seconds[name] for name in names)) if names else "survived"
        outcomes[mutant.key] = outcome
        with LEDGER.open("a", encoding="utf-8") as ledger:
            print(json.dumps([*mutant.key, outcome]), file=ledger)
        print(f"{count}/{len(mutants)} {outcome}: {mutant.path}:{mutant.line}: {mutant.before}  ->  {mutant.after}")
    PAGE.write_text(page(ROOT, measured, Counter((mutant.path, outcomes[mutant.key]) for mutant in mutants)))


if __name__ == "__main__":
    main()
