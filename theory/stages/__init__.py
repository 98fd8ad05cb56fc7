"""The derivation, a stage a file: kernel, moments, marginal, meanfield, correlation and what follows."""
