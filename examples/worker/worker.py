"""A program without a port: it looks after a queue in a directory and says so every second."""

import logging
import os
import pathlib
import signal
import sys
import time

import yaml

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
log = logging.getLogger("worker")


def main() -> None:
    config = yaml.safe_load(pathlib.Path(__file__).with_name("config.yaml").read_text())
    queue = pathlib.Path(os.environ.get("QUEUE", config["queue"]))
    queue.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("worker started, queue %s", queue)
    done = 0
    while True:
        for job in sorted(queue.glob("*.yaml")):
            log.info("job %s: %s", job.name, yaml.safe_load(job.read_text()))
            job.unlink()
            done += 1
        log.info("heartbeat, %d jobs done", done)
        time.sleep(config["interval"])


if __name__ == "__main__":
    main()
