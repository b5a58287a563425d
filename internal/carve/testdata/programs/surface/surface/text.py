"""Time, languages and letters: what is looked up by a computed name."""

from flask import Blueprint, jsonify, request

bp = Blueprint("text", __name__, url_prefix="/text")


@bp.get("/time")
def time():
    """The same moment in the zones that are asked for: /text/time?zone=Europe/Berlin&zone=…"""
    from datetime import datetime, timezone
    from zoneinfo import ZoneInfo

    moment = datetime(2024, 7, 1, 12, 0, tzinfo=timezone.utc)
    return jsonify({z: moment.astimezone(ZoneInfo(z)).strftime("%A %d %B %H:%M %Z") for z in request.args.getlist("zone")})


@bp.get("/zones")
def zones():
    from zoneinfo import available_timezones

    names = available_timezones()
    return jsonify(many=len(names) > 400, known=sorted(names & {"Europe/Berlin", "Asia/Tokyo", "Pacific/Apia", "Mars/Base"}))


@bp.get("/local")
def local():
    """Local time by the C library, which reads the zone itself."""
    import os
    import time

    os.environ["TZ"] = "America/New_York"
    time.tzset()
    return jsonify(clock=time.strftime("%H:%M %Z", time.localtime(1719835200)))


@bp.get("/locale")
def locales():
    import locale

    name = locale.setlocale(locale.LC_ALL, "C.UTF-8")
    try:
        money = locale.currency(2)
    except ValueError as error:  # the C locale has no currency
        money = str(error)
    return jsonify(name=name, codeset=locale.nl_langinfo(locale.CODESET), money=money, sorted=sorted("ähm", key=locale.strxfrm))


@bp.get("/codecs")
def codecs():
    word = "Tee für 2 €"
    return jsonify(
        utf16=word.encode("utf-16-le").hex()[:8],
        cp1252=word.encode("cp1252").hex()[-2:],
        shift_jis="お茶".encode("shift_jis").hex(),
        gb18030=b"\xb2\xe8".decode("gb18030"),
        koi8=bytes([0xDE, 0xC1, 0xCA]).decode("koi8-r"),
        punycode="bücher".encode("punycode").decode(),
        idna="bücher.example".encode("idna").decode(),
        rot13=__import__("codecs").encode("tea", "rot13"),
    )


@bp.get("/idna")
def idna():
    """The package of that name, which requests uses for host names."""
    import idna

    return jsonify(host=idna.encode("straße.example").decode(), back=idna.decode("xn--strae-oqa.example"))


@bp.get("/unicode")
def unicode():
    import difflib
    import re
    import textwrap
    import unicodedata

    return jsonify(
        name=unicodedata.name("€"),
        plain=unicodedata.normalize("NFKD", "ﬁancé").encode("ascii", "ignore").decode(),
        words=re.findall(r"\w+", "Tee für zwei"),
        close=difflib.get_close_matches("tee", ["tea", "milk"]),
        lines=textwrap.wrap("a cup of tea", 6),
    )


@bp.get("/html")
def html():
    import html
    from html.parser import HTMLParser

    found = []

    class Links(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.extend(value for name, value in attributes if name == "href")

    Links().feed('<a href="/tea">tea</a>')
    return jsonify(links=found, entity=html.unescape("&euro;&lt;"))


@bp.get("/mail")
def mail():
    from email import message_from_bytes, policy
    from email.message import EmailMessage

    message = EmailMessage()
    message["Subject"], message["To"], message["From"] = "Tee für zwei", "ada@example.org", "shop@example.org"
    message.set_content("Bitte sehr.\n")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="tea.png")
    read = message_from_bytes(bytes(message), policy=policy.default)
    return jsonify(subject=read["subject"], parts=[p.get_content_type() for p in read.walk()])


@bp.get("/types")
def types():
    """Types of files: those that Python knows itself, and one that only the system's table has."""
    import mimetypes

    return jsonify({name: mimetypes.guess_type(name)[0] for name in ("a.css", "a.js", "a.svg", "a.png", "a.tar", "a.webp")})


@bp.get("/source")
def source():
    import ast
    import dis
    import inspect
    import json

    text = inspect.getsource(json.dumps)
    code = [i.opname for i in dis.get_instructions(compile(ast.parse("1 + x"), "", "exec"))]
    return jsonify(doc="Serialize ``obj`` to a JSON formatted" in text, signature=str(inspect.signature(source)), adds="BINARY_OP" in code)
