"""Opinion monitoring: a stream of texts in; trends, and alerts with the texts that show them, out."""
