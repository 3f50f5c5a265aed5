"""The task embedding: all that only vectors of texts have, from reading pairs to retrieval scores."""
