"""Measurements of the figures of Sari, Belbahri, Partovi Nia 2019, arXiv 1909.09139."""
