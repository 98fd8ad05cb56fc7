"""Try the tests on a sample of mutants, after the run of the tests that `make mutants` does first.

python -m mutants [PATH ...] tries those of modules whose paths start so. What an earlier run saw killed is not tried
again; `make clean` forgets it.
"""

from __future__ import annotations

import json
import random
import sys
import tomllib
from collections import Counter
from pathlib import Path

from coverage import Coverage

from mutants.covering import Tests
from mutants.page import PAGE, covered, page
from mutants.sampling import Mutant, sample
from mutants.trial import Copy

ROOT = Path(__file__).parents[1]
HERE, BUILD = ROOT / "mutants", ROOT / "build" / "mutants"
LEDGER = BUILD / "outcomes.jsonl"


def drawn(plan: dict[str, object]) -> list[Mutant]:
    """The mutants of a plan."""
    paths = sorted(path.relative_to(ROOT) for folder in plan["folders"] for path in (ROOT / folder).rglob("*.py"))
    rest = plan["operators"], plan["lines_each"], plan["seed"]
    return [mutant for path in paths for mutant in sample(ROOT, path.as_posix(), *rest)]


def known() -> dict[tuple[str, ...], str]:
    """Outcomes of earlier runs, and the mutants that are no fault."""
    lines = LEDGER.read_text(encoding="utf-8").splitlines() if LEDGER.exists() else []
    earlier = {tuple(key): outcome for *key, outcome in map(json.loads, lines)}
    listed = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))
    return earlier | {(path, *pair): "equivalent" for path, entries in listed.items() for *pair, _ in entries}


def attempts(mutants: list[Mutant], tests: Tests, seconds: float) -> None:
    """Try mutants, the outcome of each in the ledger and on the screen."""
    chosen = {mutant: tests.within(tests.of(mutant.path, mutant.line), seconds) for mutant in mutants}
    copy = Copy(ROOT, BUILD / "copy")
    copy.find(sorted(set().union(*chosen.values())))
    for count, (mutant, names) in enumerate(chosen.items(), 1):
        outcome = copy.outcome(mutant, names, sum(tests.seconds[name] for name in names)) if names else "survived"
        with LEDGER.open("a", encoding="utf-8") as ledger:
            print(json.dumps([*mutant.key, outcome]), file=ledger)
        print(f"{count}/{len(chosen)} {outcome}: {mutant.path}:{mutant.line}: {mutant.before}  ->  {mutant.after}")


def main() -> None:
    """Try what is not known to be killed, and write the page."""
    plan = tomllib.loads((HERE / "plan.toml").read_text(encoding="utf-8"))
    measured = Coverage(data_file=BUILD / "coverage")
    measured.load()
    outcomes, mutants = known(), drawn(plan)
    asked = [each for each in mutants if each.path.startswith(tuple(sys.argv[1:]) or "")]
    open_ones = [each for each in asked if outcomes.get(each.key, "survived") == "survived"]
    random.Random(plan["seed"]).shuffle(open_ones)  # so that a run that is broken off has tried a sample too
    if open_ones:
        attempts(open_ones, Tests(ROOT, measured.get_data(), BUILD / "tests.xml"), plan["seconds"])
    outcomes = known()
    tried = Counter((each.path, outcomes[each.key]) for each in mutants if each.key in outcomes)
    PAGE.write_text(page(covered(measured, BUILD / "coverage.json"), tried, len(mutants)), encoding="utf-8")


if __name__ == "__main__":
    main()
