"""The task pretraining: all that only learning from texts without labels has."""
