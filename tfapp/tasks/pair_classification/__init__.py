"""Classification of pairs of texts."""
