"""Serves the application: python -m surface [PORT]"""

import signal
import sys

from werkzeug.serving import make_server

from surface import create_app


def stop(number, frame):
    print(f"stopped by {signal.Signals(number).name}", flush=True)
    sys.exit(0)


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    server = make_server("0.0.0.0", port, create_app(), threaded=True)
    signal.signal(signal.SIGTERM, stop)
    print(f"listening on port {port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
