"""Holds the application support: a customer service assistant that answers from past questions and answers.

`tfapp.apps.support.service` joins it with training and serving; what is here needs a client, a database and a folder.
"""
