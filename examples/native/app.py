"""A web service on three modules that are compiled in the image: Pillow, lxml and psycopg2.

  GET  /           the versions of what is in use
  POST /resize     a PNG in the body, made half as large; without a body, one that is drawn here
  GET  /formats    which formats keep a picture's size and mode when it is written and read again
  GET  /thumbnail  a JPEG with EXIF data, sharpened, rotated and labelled
  GET  /xpath      ?q=XPATH evaluated on a small document
  GET  /xslt       the document made an HTML table
  GET  /schema     what a RELAX NG schema and the HTML parser say
  GET  /db         SELECT version() on the PostgreSQL server named by DATABASE_URL
  GET  /dishes     a table made, filled, read and rolled back there
"""

import io
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import lxml.etree
import PIL
import psycopg2
import psycopg2.extras
from PIL import Image, ImageDraw, ImageFilter, ImageFont, features

DOCUMENT = b"<menu><dish price='4'>soup</dish><dish price='9'>pie</dish></menu>"
STYLESHEET = b"""<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="html"/>
  <xsl:template match="/menu"><table><xsl:apply-templates><xsl:sort select="@price" data-type="number" order="descending"/></xsl:apply-templates></table></xsl:template>
  <xsl:template match="dish"><tr><td><xsl:value-of select="."/></td><td><xsl:value-of select="format-number(@price, '0.00')"/></td></tr></xsl:template>
</xsl:stylesheet>"""
SCHEMA = b"""<element name="menu" xmlns="http://relaxng.org/ns/structure/1.0" datatypeLibrary="http://www.w3.org/2001/XMLSchema-datatypes">
  <oneOrMore><element name="dish"><attribute name="price"><data type="integer"/></attribute><text/></element></oneOrMore>
</element>"""
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


def formats(query, body):
    image = Image.radial_gradient("L").resize((40, 30)).convert("RGB")
    kinds = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "ICO", "PDF"] + ["WEBP"] * features.check("webp")
    same = {}
    for kind in kinds:
        out = io.BytesIO()
        image.save(out, kind)
        if kind == "PDF":  # Pillow writes it, and does not read it
            same[kind] = out.getvalue().startswith(b"%PDF-")
            continue
        out.seek(0)
        again = Image.open(out)
        again.load()
        same[kind] = again.format == kind and (again.width <= 40 if kind == "ICO" else again.size == image.size)
    return {"same": same, "known": len(Image.registered_extensions()) > 40}


def thumbnail(query, body):
    image = Image.new("RGB", (64, 48), "navy")
    ImageDraw.Draw(image).text((2, 2), "tea", font=ImageFont.load_default(), fill="white")
    exif = Image.Exif()
    exif[0x010E] = "a cup"
    out = io.BytesIO()
    image.filter(ImageFilter.SHARPEN).rotate(90, expand=True).save(out, "JPEG", exif=exif, progressive=True)
    out.seek(0)
    again = Image.open(out)
    return {"size": list(again.size), "exif": again.getexif()[0x010E], "colours": len(image.getcolors()) > 1}


def xpath(query, body):
    expression = query.get("q", ["//dish[@price > 5]/text()"])[0]
    found = lxml.etree.fromstring(DOCUMENT).xpath(expression)
    return {"found": [str(x) for x in found] if isinstance(found, list) else found}


def xslt(query, body):
    return {"html": str(lxml.etree.XSLT(lxml.etree.fromstring(STYLESHEET))(lxml.etree.fromstring(DOCUMENT)))}


def schema(query, body):
    import lxml.html

    document, rules = lxml.etree.fromstring(DOCUMENT), lxml.etree.RelaxNG(lxml.etree.fromstring(SCHEMA))
    valid = rules.validate(document)
    document[0].set("price", "much")
    links = lxml.html.fromstring("<p>see <a href=/tea>tea<br>and milk").xpath("//a/@href")
    try:
        lxml.etree.fromstring(b"<menu><dish></menu>")
        broken = ""
    except lxml.etree.XMLSyntaxError as err:
        broken = str(err)
    return {"valid": valid, "changed": rules.validate(document), "links": links, "broken": broken}


def db(query, body):
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=5)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT version()")
            return {"version": cursor.fetchone()[0]}
    finally:
        connection.close()


def dishes(query, body):
    connection = psycopg2.connect(DATABASE_URL, connect_timeout=5)
    try:
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute("CREATE TEMPORARY TABLE dish (name text, price numeric, more jsonb)")
            psycopg2.extras.execute_values(cursor, "INSERT INTO dish VALUES %s", [("soup", 4, "{}"), ("茶", 2, '{"hot": true}')])
            cursor.copy_expert("COPY dish (name, price) FROM STDIN CSV", io.StringIO("pie,9\n"))
            cursor.execute("SELECT name, price::float, more FROM dish ORDER BY price")
            rows = cursor.fetchall()
        connection.rollback()
        try:
            connection.cursor().execute("SELECT * FROM nowhere")
            error = ""
        except psycopg2.errors.UndefinedTable as err:
            error = err.pgcode
        return {"rows": rows, "error": error}
    finally:
        connection.close()


ROUTES = {
    ("GET", "/"): versions,
    ("POST", "/resize"): resize,
    ("GET", "/formats"): formats,
    ("GET", "/thumbnail"): thumbnail,
    ("GET", "/xpath"): xpath,
    ("GET", "/xslt"): xslt,
    ("GET", "/schema"): schema,
    ("GET", "/db"): db,
    ("GET", "/dishes"): dishes,
}


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
