"""The shop's web service.

Sort, compare and convert prices; identify customers; import orders from a file and
display them. Make sure to test before you patch anything.
"""
import ctypes
import ctypes.util
import json
import logging
import logging.config
import os
import sqlite3
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import requests
from flask import Flask, g, jsonify, render_template, render_template_string, request, stream_with_context, Response

LOGGING = {
    "version": 1,
    "formatters": {"default": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "default"},
        "file": {"class": "logging.handlers.RotatingFileHandler", "filename": "/tmp/shop.log", "maxBytes": 100000, "backupCount": 2, "formatter": "default"},
    },
    "root": {"level": "INFO", "handlers": ["console", "file"]},
}
logging.config.dictConfig(LOGGING)
log = logging.getLogger("shop")

app = Flask(__name__)
app.config["JSON_SORT_KEYS"] = False
DATABASE = os.environ.get("SHOP_DB", "/tmp/shop.db")

SCHEMA = """
create table if not exists item (
    id integer primary key,
    name text not null,
    price numeric not null default 0,
    sort integer,
    date text,
    size text check (size in ('small', 'large')),
    file text
);
create table if not exists test (
    id integer primary key,
    groups text,
    users text,
    last datetime
);
create index if not exists item_sort on item (sort);
"""

REPORT = """
select
    i.name,
    count(*) as total,
    sum(price) as sum,
    max(date) as last
from item i
left join test t on t.id = i.id
where i.price > :price
  and i.name like :name
group by i.name
having count(*) > 0
order by
    sort desc,
    last
limit 50
"""

SORTS = {"name": "sort", "price": "price", "date": "date", "size": "size"}
ACTIONS = ["display", "compare", "convert", "import", "export", "stream", "file", "test", "make", "patch", "split", "join", "head", "tail", "cut", "link", "yes", "id", "who", "users", "groups"]


def db():
    if "db" not in g:
        g.db = sqlite3.connect(DATABASE)
        g.db.row_factory = sqlite3.Row
        g.db.executescript(SCHEMA)
    return g.db


@app.teardown_appcontext
def close(_):
    d = g.pop("db", None)
    if d is not None:
        d.close()


@app.route("/")
def index():
    log.info("index")
    return render_template("index.html", now=datetime(2024, 1, 1), actions=ACTIONS)


@app.route("/items", methods=["GET", "POST"])
def items():
    if request.method == "POST":
        data = request.get_json()
        db().execute("insert into item (name, price, sort, date) values (?, ?, ?, date('now'))", (data["name"], data["price"], data.get("sort", 0)))
        db().commit()
        return jsonify(status="ok", id=1), 201
    order = SORTS.get(request.args.get("order", "name"), "name")
    rows = db().execute(f"select name, price, sort from item order by {order}").fetchall()
    return jsonify(items=[dict(r) for r in rows], sort=order)


@app.route("/report")
def report():
    rows = db().execute(REPORT, {"price": 0, "name": "%"}).fetchall()
    return jsonify(rows=[dict(r) for r in rows])


@app.route("/stream")
def stream():
    def lines():
        for n in range(3):
            yield f"line {n}\n"
    return Response(stream_with_context(lines()), mimetype="text/plain")


@app.route("/python")
def python():
    out = subprocess.run(
        [sys.executable, "-c", "import sys; import platform; print(platform.python_version(), file=sys.stdout)"],
        capture_output=True, text=True, check=True,
    )
    return jsonify(version=out.stdout.strip(), compare=out.stdout.startswith("3"))


@app.route("/worker")
def worker():
    code = """
import json, sys
from time import time
data = json.load(sys.stdin)
data["sum"] = sum(data["values"])
print(json.dumps(data))
"""
    p = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = p.communicate(json.dumps({"values": [1, 2, 3]}).encode())
    return Response(out, mimetype="application/json")


@app.route("/shell")
def shell():
    out = subprocess.run("echo hello | tr a-z A-Z", shell=True, capture_output=True, text=True)
    return jsonify(out=out.stdout.strip())


@app.route("/ctypes")
def c():
    libc = ctypes.CDLL(ctypes.util.find_library("c"))
    return jsonify(abs=libc.abs(-3))


@app.route("/fetch")
def fetch():
    try:
        requests.get("https://127.0.0.1:1/", timeout=1)
    except requests.exceptions.ConnectionError as e:
        return jsonify(error="connection", file=type(e).__name__)


@app.route("/inline")
def inline():
    return render_template_string("""
<html>
<head><title>{{ title }}</title>
<style>
body { display: flex }
</style>
<script>
import { compare } from './compare.js'
import './sort.js'
var head = document.querySelector('head')
test(head); convert(head)
if (window.stream) display(stream)
</script>
</head>
<body>
<p>
sort by name
</p>
</body>
</html>
""", title="inline")


@app.errorhandler(404)
def missing(e):
    return jsonify(error="not found", id="missing"), 404


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=8000)
