"""The network: names, TLS, and this very program as a server."""

import contextlib
import socket
import threading

from flask import Blueprint, jsonify, request

bp = Blueprint("net", __name__, url_prefix="/net")


@bp.get("/names")
def names():
    found = {a[4][0] for a in socket.getaddrinfo("localhost", 80, family=socket.AF_INET, type=socket.SOCK_STREAM)}
    try:
        socket.getaddrinfo("nowhere.invalid", 80)
        nowhere = "found"
    except socket.gaierror as error:
        nowhere = type(error).__name__
    return jsonify(localhost=sorted(found), nowhere=nowhere, http=socket.getservbyname("http"), tcp=socket.getprotobyname("tcp"))


@bp.get("/self")
def itself():
    """Asks itself, by two libraries."""
    import urllib.request

    import requests

    with urllib.request.urlopen(request.host_url, timeout=5) as answer:
        plain = answer.read().decode()
    rich = requests.get(request.host_url + "text/unicode", timeout=5)
    return jsonify(urllib=plain, requests=rich.json()["name"], agent=rich.request.headers["User-Agent"])


@bp.get("/authorities")
def authorities():
    """The certificate authorities that the system and the package certifi bring."""
    import os
    import ssl

    import certifi

    system = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.capath and os.path.isdir(paths.capath):  # else they would be read when a server asks for them
        for name in os.listdir(paths.capath):
            if name.endswith(".pem"):
                system.load_verify_locations(os.path.join(paths.capath, name))
    packaged = ssl.create_default_context(cafile=certifi.where())
    return jsonify(system=len(system.get_ca_certs()) > 50, packaged=len(packaged.get_ca_certs()) > 50)


@contextlib.contextmanager
def tls_server():
    """A server on loopback whose certificate nobody signed but itself; yields its port."""
    import http.server
    import ssl
    from importlib import resources

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hush\n")

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_):  # clients that hang up are what this is for
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with resources.as_file(resources.files("surface") / "data/self-signed.crt") as pem:
        context.load_cert_chain(pem)
        with Server(("127.0.0.1", 0), Handler) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                yield server.server_port, pem
            finally:
                server.shutdown()


@bp.get("/tls")
def tls():
    """A stranger's certificate is refused by both clients, and accepted once it is known."""
    import ssl
    import urllib.error
    import urllib.request

    import requests

    with tls_server() as (port, pem):
        url = f"https://localhost:{port}/"
        try:
            requests.get(url, timeout=5)
            stranger = "accepted"
        except requests.exceptions.SSLError as error:
            stranger = "refused" if "CERTIFICATE_VERIFY_FAILED" in str(error) else str(error)
        try:
            urllib.request.urlopen(url, timeout=5)
            system = "accepted"
        except urllib.error.URLError as error:
            system = "refused" if isinstance(error.reason, ssl.SSLCertVerificationError) else str(error)
        known = requests.get(url, timeout=5, verify=str(pem)).text.strip()
        with socket.create_connection(("localhost", port), 5) as plain, ssl.create_default_context(cafile=pem).wrap_socket(plain, server_hostname="localhost") as secure:
            version = secure.version()
    return jsonify(stranger=stranger, system=system, known=known, version=version)


@bp.get("/mail")
def mail():
    """smtplib against a server of four lines in a thread."""
    import smtplib

    with socket.create_server(("127.0.0.1", 0)) as listener:
        said = []

        def serve():
            connection, _ = listener.accept()
            with connection, connection.makefile("rw", newline="\r\n") as lines:
                for answer in ("220 hello", "250 ok", "250 ok", "250 ok", "354 go on"):
                    lines.write(answer + "\n")
                    lines.flush()
                    said.append(lines.readline().strip())
                while lines.readline().strip() != ".":
                    pass
                lines.write("250 taken\n221 bye\n")
                lines.flush()
                lines.readline()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with smtplib.SMTP("127.0.0.1", listener.getsockname()[1], local_hostname="shop", timeout=5) as client:
            client.sendmail("shop@example.org", ["ada@example.org"], "Subject: tea\r\n\r\nReady.\r\n")
        thread.join(5)
    return jsonify(said=[s.split(":")[0].split(" ")[0] for s in said])
