"""Holds all that only the task classification has, such as its choices for a data file and the LSTM baseline."""
