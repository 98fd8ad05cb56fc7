"""Claims of Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz 2019, arXiv 1902.08129: batch norm."""
