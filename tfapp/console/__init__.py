"""Holds the console: the web application over served models and the applications that `tfapp console` starts.

Pages are made on the server and work as plain forms; `web/static/console.js` makes them livelier. Nothing is fetched
from elsewhere.
"""
