"""The catalogue as code, emitted by `python -m meanbits.numerics.emission.generate`; never edited."""
