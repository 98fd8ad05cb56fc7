"""Measurements of the figures of Yang, Schoenholz 2017, arXiv 1712.08969."""
