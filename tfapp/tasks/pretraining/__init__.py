"""Pretraining of a BERT on texts without labels."""
