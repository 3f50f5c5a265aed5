"""Recommendation: items with text and events of users in; lists that explain themselves out.

`tfapp.apps.recommend.service` joins it with the models that it asks; what is here needs a database, and a client where
texts are to be embedded or pairs to be scored.
"""
