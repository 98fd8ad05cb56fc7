"""Claims of Schoenholz et al. 2017, arXiv 1611.01232."""
