"""The migrations, a file each; one that was published is not changed any more."""
