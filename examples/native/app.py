"""A web service on three modules that are compiled in the image: Pillow, lxml and psycopg2.

  GET  /           the versions of what is in use
  POST /resize     a PNG in the body, made half as large; without a body, one that is drawn here
  GET  /xpath      ?q=XPATH evaluated on a small document
  GET  /db         SELECT version() on the PostgreSQL server named by DATABASE_URL
"""

import io
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import lxml.etree
import PIL
import psycopg2
from PIL import Image, ImageDraw, features

DOCUMENT = b"<menu><dish price='4'>soup</dish><dish price='9'>pie</dish></menu>"
DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://postgres@127.0.0.1:5432/postgres")


def versions(query, body):
    return {
        "pillow": PIL.__version__,
        "jpeg": features.version("jpg"),
        "lxml": lxml.etree.__version__,
        "libxml2": ".".join(map(str, lxml.etree.LIBXML_VERSION)),
        "libpq": psycopg2.extensions.libpq_version(),
    }


def resize(query, body):
    if body:
        image = Image.open(io.BytesIO(body))
    else:
        image = Image.new("RGB", (640, 480), "white")
        ImageDraw.Draw(image).ellipse((100, 100, 300, 300), fill="red")
    small = image.convert("RGB").resize((max(image.width // 2, 1), max(image.height // 2, 1)))
    size = {}
    for kind in ("PNG", "JPEG"):
        out = io.BytesIO()
        small.save(out, kind)
        size[kind.lower() + "_bytes"] = len(out.getvalue())
    return {"width": small.width, "height": small.height, **size}


def xpath(query, body):
    expression = query.get("q", ["//dish[@price > 5]/text()"])[0]
    found = lxml.etree.fromstring(DOCUMENT).xpath(expression)
    return {"found": [str(x) for x in found] if isinstance(found, list) else found}


def db(query, body):
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=5)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()")
            return {"version": cursor.fetchone()[0]}
    finally:
        connection.close()


ROUTES = {("GET", "/"): versions, ("POST", "/resize"): resize, ("GET", "/xpath"): xpath, ("GET", "/db"): db}


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        url = urlparse(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        route = ROUTES.get((self.command, url.path))
        try:
            code, value = (200, route(parse_qs(url.query), body)) if route else (404, {"error": "no such route"})
        except Exception as err:  # a broken module has to show in the answer, not end the program
            code, value = 500, {"error": f"{type(err).__name__}: {err}"}
        data = json.dumps(value).encode() + b"\n"
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer


if __name__ == "__main__":
    print("listening on port 8000", flush=True)
    ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
