"""Quantisers of a Gaussian, whose least distortion bounds how deep signals reach through quantised neurons."""
