"""The parts that the pages of the console and of the applications share."""
