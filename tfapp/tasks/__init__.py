"""What tfapp can learn: a folder for each task, and the registry in which all others find them."""
