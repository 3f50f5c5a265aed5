"""The console: a web application over served models and the applications; `tfapp console` starts it.

Pages are made on the server and work as plain forms; `static/console.js` makes them livelier. Nothing is fetched from
elsewhere.
"""
