"""The task pair-classification: all that only labels for pairs of texts have."""
