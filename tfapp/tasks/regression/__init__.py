"""The tasks regression and pair-regression: all that only numbers for texts or pairs have."""
