"""Holds all that only the tasks regression and pair-regression have, from numbers for texts to RMSE."""
