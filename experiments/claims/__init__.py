"""The claims of the paper and of the theory, each with the check that settles it."""
