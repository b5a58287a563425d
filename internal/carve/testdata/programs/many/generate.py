"""Makes 60,000 small files in 600 directories: python generate.py DIR"""

import pathlib
import sys

root = pathlib.Path(sys.argv[1])
for directory in range(600):
    d = root / f"{directory:03}"
    d.mkdir(parents=True)
    for number in range(100):
        (d / f"part-{number:02}.txt").write_text(f"part {number} of {directory}\n")
