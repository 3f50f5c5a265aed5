"""Customer service: questions and answers of the past, and an assistant that answers from them.

`tfapp.apps.support.service` joins it with training and serving; what is here needs a client, a database and a folder.
"""
