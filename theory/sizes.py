"""How large the numbers of a declaration may be."""

LARGEST = 1e9  # of constants, scales and gains; their inverse is the smallest but 0
