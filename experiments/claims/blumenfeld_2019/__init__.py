"""Claims of Blumenfeld, Gilboa, Soudry 2019, arXiv 1906.00771: quantised activations."""
