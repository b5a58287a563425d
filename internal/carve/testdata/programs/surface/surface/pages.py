"""What a browser sees: templates, error pages, tracebacks."""

import json
import traceback

from flask import Blueprint, render_template

bp = Blueprint("pages", __name__)

MENU = [("soup", "starter", 4), ("pie", "main", 9), ("tea", "drink", 2)]


@bp.get("/")
def index():
    return "Hello, World!\n"


@bp.get("/menu")
def menu():
    return render_template("menu.html", dishes=MENU)


@bp.get("/menu/<kind>")
def kind(kind):
    return render_template("kind.html", kind=kind, dishes=[d for d in MENU if d[1] == kind])


@bp.get("/plugins")
def plugins():
    """Loads every module of a package by listing its directory."""
    import importlib
    import pkgutil

    from surface import plugins

    names = sorted(m.name for m in pkgutil.iter_modules(plugins.__path__))
    return {"said": [importlib.import_module(f"surface.plugins.{n}").say() for n in names]}


def brew(water):
    if not water:
        raise RuntimeError("the kettle is empty")  # a comment that only the source has
    return "tea"


@bp.get("/crash")
def crash():
    return brew(water=None)


@bp.get("/crash/library")
def crash_library():
    return json.loads("{")


@bp.app_errorhandler(500)
def broken(error):
    cause = error.original_exception or error
    return "".join(traceback.format_exception(cause)), 500, {"Content-Type": "text/plain"}


@bp.app_errorhandler(404)
@bp.app_errorhandler(405)
def wrong(error):
    return render_template("error.html", error=error), error.code
