"""Data sets as files, and the recall of what a search found."""
import gzip
import itertools
import json
import os
import subprocess
import sys

import numpy as np

K = 10
SETS = ["dialog-100k", "dialog-1536"]


def find(name, given=None):
    """The folder of a data set: the one given, or one in ENGRAM_DATASETS; dialog-1536 is made there
    where it is missing, once, in the user's cache."""
    if given:
        return given
    sets = os.environ["ENGRAM_DATASETS"]
    folder = f"{sets}/{name}"
    if os.path.isdir(folder) or name != "dialog-1536":
        return folder
    cache = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    folder = f"{cache}/engram/{name}"
    if not os.path.isdir(folder):
        print(f"making {name} in {folder}", file=sys.stderr, flush=True)
        unfinished = f"{folder}.{os.getpid()}"
        subprocess.run([sys.executable, f"{sets}/make-dialog-1536", unfinished], check=True,
                       stdout=sys.stderr)
        os.rename(unfinished, folder)
    return folder


class DataSet:
    """The first rows of a base, and queries with their exact neighbours by inner product."""

    def __init__(self, name, folder, rows):
        self.name = name
        self.folder = os.path.abspath(folder)
        self.rows = rows
        self.base_file = f"{folder}/base.f16bin"
        self.truth_file = f"{folder}/gt/public.{rows}.ibin"
        self.query_file = next(
            (file for kind in ("fbin", "f16bin")
             if os.path.exists(file := f"{folder}/queries.public.{kind}")), None)
        for file in (self.base_file, self.truth_file, self.query_file):
            if not file or not os.path.exists(file):
                sys.exit(f"{folder} holds no complete {name} of {rows:,} rows: {file or 'queries'}")
        self.queries = vectors(self.query_file)

    def base(self):
        return vectors(self.base_file, self.rows)


class Truth:
    """Tells the recall of what was found in a data set."""

    def __init__(self, data):
        self._base, self._queries = data.base(), data.queries
        truth = np.fromfile(data.truth_file, dtype="<u4", offset=8).reshape(len(self._queries), -1)
        self._kth = self._scores(truth[:, :K]).min(axis=1)

    def recall(self, found):
        """The share of the rows found that score no less than the k-th neighbour: ties count."""
        kth = self._kth[:len(found), None]
        return float((self._scores(found) >= kth - 1e-6 * np.maximum(1, np.abs(kth))).mean())

    def _scores(self, found):
        scores = np.empty(found.shape)
        for query, rows in enumerate(found):
            scores[query] = self._base[rows].astype("f8") @ self._queries[query].astype("f8")
        return scores


def vectors(path, limit=None, first=0):
    rows, dimension = (int(number) for number in np.fromfile(path, dtype="<u4", count=2))
    rows = min(rows - first, limit or rows)
    kind = np.dtype("<f2" if path.endswith(".f16bin") else "<f4")
    values = np.fromfile(path, dtype=kind, offset=8 + first * dimension * kind.itemsize,
                         count=rows * dimension)
    return values.reshape(rows, dimension).astype("f4")


def memories(folder, first, end):
    """The memories of some rows of a base, each with its vector."""
    packed = f"{folder}/base.jsonl.gz"
    lines = gzip.open(packed) if os.path.exists(packed) else open(packed[:-3], "rb")
    with lines:
        rows = [json.loads(line) for line in itertools.islice(lines, first, end)]
    for row, vector in zip(rows, vectors(f"{folder}/base.f16bin", first=first, limit=len(rows))):
        row["vector"] = vector
    return rows
