"""Faulty copies of the code, to see whether the tests notice: `make mutants`."""
