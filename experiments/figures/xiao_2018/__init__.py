"""Measurements of the figures of Xiao et al. 2018, arXiv 1806.05393."""
