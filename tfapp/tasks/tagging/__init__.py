"""The task tagging: all that only spans in texts have, from BIO tags to entity scores."""
