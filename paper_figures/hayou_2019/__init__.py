"""Drawings of the figures of Hayou, Doucet, Rousseau 2019, arXiv 1902.06853."""
