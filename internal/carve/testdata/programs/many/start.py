"""A program of 60,000 files that looks at 20,000 of them at start: at every third one, or, with
REPEAT=1, at the first 200 of them a hundred times over.

It says how long that took, and serves single parts: GET /NNN/NN
"""

import os
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

PARTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parts")


def part(number: int) -> str:
    return f"{PARTS}/{number // 100:03}/part-{number % 100:02}.txt"


def look() -> int:
    paths = [part(n) for n in range(0, 60_000, 3)]
    if os.environ.get("REPEAT"):
        paths = paths[:200] * 100
    return sum(os.stat(p).st_size for p in paths)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            directory, number = map(int, self.path.strip("/").split("/"))
            with open(part(directory * 100 + number), "rb") as f:
                code, text = 200, f.read()
        except ValueError:
            code, text = 200, b"GET /NNN/NN\n"
        except OSError as error:
            code, text = 404, f"{error.strerror}\n".encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


if __name__ == "__main__":
    began = time.perf_counter()
    total = look()
    print(f"looked at 20000 files of {total} bytes in {(time.perf_counter() - began) * 1000:.0f} ms", flush=True)
    HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
