"""Counts the words of its standard input as a table of the most frequent ones.

Exit codes: 0 counted, 1 nothing to count, 2 wrong usage.
"""

import argparse
import collections
import re
import sys

from tabulate import tabulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="wordcount", description="Count the words of standard input.")
    parser.add_argument("-n", "--top", type=int, default=5, help="how many words are shown")
    options = parser.parse_args()
    words = collections.Counter(re.findall(r"\w+", sys.stdin.read().lower()))
    if not words:
        print("wordcount: no words on standard input", file=sys.stderr)
        return 1
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    print(tabulate(ranked[: options.top], headers=["word", "count"]))
    print(f"{sum(words.values())} words, {len(words)} different")
    return 0


if __name__ == "__main__":
    sys.exit(main())
