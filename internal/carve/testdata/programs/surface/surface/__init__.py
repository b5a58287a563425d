"""A Flask application that uses the whole surface of a Flask program, one behaviour a route.

Imports stand where they are used: GET / touches next to nothing of what the other routes need.
"""

import importlib
import os

from flask import Flask

PARTS = ("pages", "forms", "data", "text", "system", "process", "net")


def create_app() -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="not a secret: this program guards nothing",
        UPLOADS=os.environ.get("UPLOADS", "/var/lib/surface/uploads"),
        MAX_CONTENT_LENGTH=1 << 20,
    )
    for part in PARTS:
        app.register_blueprint(importlib.import_module(f"{__name__}.{part}").bp)
    return app
