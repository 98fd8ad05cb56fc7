"""Drawings of the figures of Poole et al. 2016, arXiv 1606.05340."""
