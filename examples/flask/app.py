"""A small web service: the program of the classic guide to lighter images, with a few more routes to check."""

import requests
from flask import Flask, jsonify, request

app = Flask(__name__)
items = []


@app.route("/")
def index():
    return "Hello, World!"


@app.route("/health")
def health():
    return jsonify(status="ok", requests=requests.__version__)


@app.route("/items", methods=["GET"])
def list_items():
    return jsonify(items=items)


@app.route("/items", methods=["POST"])
def add_item():
    body = request.get_json(silent=True)
    if not body or "name" not in body:
        return jsonify(error="name is missing"), 400
    item = {"id": len(items) + 1, "name": body["name"]}
    items.append(item)
    return jsonify(item), 201


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
