"""What a browser sends: forms, uploads, JSON, cookies."""

import json
import tempfile
from pathlib import Path

from flask import Blueprint, current_app, flash, jsonify, redirect, render_template, request, session, url_for
from werkzeug.utils import secure_filename

bp = Blueprint("forms", __name__)


@bp.post("/json")
def echo():
    body = request.get_json()
    return jsonify(echo=body, keys=sorted(body)), 201


@bp.post("/upload")
def upload():
    """Stores the file in the directory of uploads, by way of a temporary file as large uploads go."""
    file = request.files["file"]
    with tempfile.TemporaryDirectory() as scratch:
        kept = Path(scratch, secure_filename(file.filename))
        file.save(kept)
        target = Path(current_app.config["UPLOADS"], kept.name)
        target.write_bytes(kept.read_bytes())
    return jsonify(name=target.name, bytes=target.stat().st_size, title=request.form["title"])


@bp.get("/uploads")
def uploads():
    return jsonify(names=sorted(p.name for p in Path(current_app.config["UPLOADS"]).iterdir()))


@bp.route("/flash", methods=["GET", "POST"])
def flashing():
    if request.method == "POST":
        flash("saved, thank you")
        return redirect(url_for("forms.flashing"))
    return render_template("flash.html")


@bp.route("/login", methods=["GET", "POST"])
def login():
    if request.method == "POST":
        session["user"] = request.form["user"]
        return redirect(url_for("forms.login"))
    return jsonify(user=session.get("user"))


@bp.get("/visit")
def visit():
    """A whole visit by a client that keeps cookies, over the network: log in, be known, be flashed at."""
    import requests

    with requests.Session() as client:
        known = client.post(request.host_url + "login", data={"user": "ada"}, timeout=5)
        told = client.post(request.host_url + "flash", timeout=5)
        signed = client.cookies["session"]
        client.cookies.clear()
        forged = client.get(request.host_url + "login", headers={"Cookie": f"session={signed[:-3]}xyz"}, timeout=5)
    return jsonify(user=known.json()["user"], flashed="saved, thank you" in told.text, dots=signed.count("."), forged=json.loads(forged.text)["user"])
