"""Ready applications over served models; they reach models through `tfapp_client` alone, and remember in a database."""
