"""Measurements of the figures of Blumenfeld, Gilboa, Soudry 2019, arXiv 1906.00771."""
