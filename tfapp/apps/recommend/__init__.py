"""Holds the application recommend: lists of items for users, with reasons, from the items' texts and users' events.

`tfapp.apps.recommend.service` joins it with the models that it asks; what is here needs a database, and a client where
texts are to be embedded or pairs to be scored.
"""
