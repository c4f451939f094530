"""A library in a process of its own: what it leaves running, allocates or breaks is its own."""
import concurrent.futures
import multiprocessing
import os
import tempfile
import threading
import time

import numpy as np


class LeftOut(Exception):
    """A library that cannot run here, and why."""


class Worker:
    """Runs the functions of this module below in a process that holds one library's index."""

    def __init__(self, library, data):
        self._log = tempfile.NamedTemporaryFile(mode="r", errors="replace")
        self._process = concurrent.futures.ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), _start, (library, data, self._log.name))

    def run(self, function, *arguments):
        try:
            return self._process.submit(function, *arguments).result()
        except concurrent.futures.BrokenExecutor:
            said = [line.strip() for line in self._log if line.strip()]
            raise LeftOut(f"its process ended: {said[-1] if said else 'no message'}") from None
        except Exception as error:
            raise LeftOut(f"{type(error).__name__}: {error}") from None

    def close(self):
        self._process.shutdown()


def _start(library, data, log):
    global _library, _data, _queries
    _library, _data = library, data
    _queries = np.ascontiguousarray(data.queries[:library.queries_max])
    with open(log, "w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """A parent that is killed tells nobody, and an index would stay in memory."""
    multiprocessing.parent_process().join()
    os._exit(1)


def build():
    """Seconds it took; the vectors are read before."""
    base = _data.base()
    start = time.perf_counter()
    _library.build(base, os.cpu_count())
    return time.perf_counter() - start


def found(width):
    """Rows found at a width, on all cores."""
    _library.set_threads(os.cpu_count())
    return _search(width)


def measure(width):
    """Latencies of single calls, and queries per second of single calls and of one call for all, on
    one thread. The first pass warms up; of the others the median counts."""
    _library.set_threads(1)
    rows = _search(width)
    single = np.array([_single_seconds() for _ in range(_library.passes)])
    batch = [_seconds(_library.search, _queries) for _ in range(_library.passes)]
    ways = {
        "single": len(_queries) / float(np.median(single.sum(axis=1))),
        "batch": len(_queries) / float(np.median(batch)),
    }
    way = max(ways, key=ways.get)
    return rows, {
        "width": width,
        "p50_us": float(np.percentile(single, 50)) * 1e6,
        "p95_us": float(np.percentile(single, 95)) * 1e6,
        "qps": ways[way],
        "way": way,
    }


def _search(width):
    if not _library.exact:
        _library.set_width(width)
    return np.asarray(_library.search(_queries)).astype("i8")


def _single_seconds():
    return [_seconds(_library.search_one, query) for query in _queries]


def _seconds(search, queries):
    start = time.perf_counter()
    search(queries)
    return time.perf_counter() - start
