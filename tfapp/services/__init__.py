"""The applications, each joined with the models that it trains, exports and asks."""
