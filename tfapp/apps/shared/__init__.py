"""The parts that the applications share: the database, ingest, vectors, model servers; it imports none of them."""
