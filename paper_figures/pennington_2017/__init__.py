"""Drawings of the figures of Pennington, Schoenholz, Ganguli 2017 and 2018, arXiv 1711.04735, 1802.09979."""
