"""What a program keeps and computes: databases, archives, hashes, numbers, files of the package."""

import io
from dataclasses import asdict, dataclass

from flask import Blueprint, jsonify

bp = Blueprint("data", __name__, url_prefix="/data")


@dataclass(order=True)
class Order:
    name: str
    count: int = 1


@bp.get("/sqlite")
def sqlite():
    import sqlite3

    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE dish (name TEXT PRIMARY KEY, price INT)")
        db.executemany("INSERT INTO dish VALUES (?, ?)", [("soup", 4), ("pie", 9)])
        total = db.execute("SELECT sum(price) FROM dish").fetchone()[0]
        db.execute("CREATE VIRTUAL TABLE text USING fts5(body)")
        db.execute("INSERT INTO text VALUES ('a cup of tea')")
        found = db.execute("SELECT body FROM text WHERE text MATCH 'tea'").fetchone()[0]
    return jsonify(total=total, found=found)


@bp.get("/archives")
def archives():
    import bz2
    import gzip
    import lzma
    import tarfile
    import zipfile

    text = b"tea " * 1000
    same = {m.__name__: m.decompress(m.compress(text)) == text for m in (gzip, bz2, lzma)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as z:
        z.writestr("tea.txt", text)
    with zipfile.ZipFile(packed) as z:
        same["zipfile"] = z.read("tea.txt") == text
    for kind in ("gz", "bz2", "xz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=f"w:{kind}") as t:
            member = tarfile.TarInfo("tea.txt")
            member.size = len(text)
            t.addfile(member, io.BytesIO(text))
        packed.seek(0)
        with tarfile.open(fileobj=packed) as t:
            same["tar." + kind] = t.extractfile("tea.txt").read() == text
    return jsonify(all=all(same.values()), formats=sorted(same))


@bp.get("/hashes")
def hashes():
    import hashlib
    import hmac
    import secrets
    import ssl

    key = hashlib.scrypt(b"tea", salt=b"milk", n=16, r=8, p=1, dklen=16).hex()
    return jsonify(
        sha256=hashlib.sha256(b"tea").hexdigest()[:16],
        blake2=hashlib.blake2b(b"tea", digest_size=8).hexdigest(),
        sha3=hashlib.new("sha3_256", b"tea").hexdigest()[:16],
        hmac=hmac.new(b"key", b"tea", "sha512").hexdigest()[:16],
        scrypt=len(key),
        secret=len(secrets.token_urlsafe(16)),
        openssl=ssl.OPENSSL_VERSION,
    )


@bp.get("/numbers")
def numbers():
    import random
    import statistics
    from decimal import Decimal
    from fractions import Fraction

    random.seed(7)
    return jsonify(
        decimal=str(Decimal("0.1") + Decimal("0.2")),
        fraction=str(Fraction(1, 3) + Fraction(1, 6)),
        median=statistics.median([1, 5, 2]),
        normal=round(statistics.NormalDist().cdf(1.96), 3),
        random=random.sample(range(100), 3),
    )


@bp.get("/csv")
def table():
    import csv
    from importlib import resources

    text = resources.files("surface").joinpath("data/prices.csv").read_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    return jsonify(rows=len(rows), last=rows[-1]["dish"])


@bp.get("/xml")
def xml():
    import pkgutil
    import xml.dom.minidom
    import xml.etree.ElementTree as ET

    source = pkgutil.get_data("surface", "data/menu.xml")
    dishes = ET.fromstring(source).findall("d:dish", {"d": "urn:dish"})
    root = xml.dom.minidom.parseString(source).documentElement
    return jsonify(dishes=[d.text for d in dishes], root=root.tagName)


@bp.get("/pickle")
def pickled():
    import copy
    import pickle
    import shelve
    import tempfile
    import typing

    order = Order("tea", 2)
    with tempfile.TemporaryDirectory() as scratch:
        with shelve.open(f"{scratch}/orders") as shelf:
            shelf["first"] = order
        with shelve.open(f"{scratch}/orders") as shelf:
            kept = shelf["first"]
    return jsonify(
        same=pickle.loads(pickle.dumps(order)) == order == copy.deepcopy(order) == kept,
        fields=asdict(order),
        hints=sorted(typing.get_type_hints(Order)),
    )
