"""The tasks that tfapp can learn: a folder for each, `shared`, and the registry in which all others find them."""
