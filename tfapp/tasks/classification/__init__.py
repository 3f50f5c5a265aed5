"""The task classification: all that only labels for texts have, the LSTM baseline included."""
