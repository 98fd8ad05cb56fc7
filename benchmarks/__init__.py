"""Speed of the emitted maps, of derivations and of the command line, measured in one run: `python -m benchmarks`."""
