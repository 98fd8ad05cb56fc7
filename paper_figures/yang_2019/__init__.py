"""Drawings of the figures of Yang et al. 2019, arXiv 1902.08129."""
