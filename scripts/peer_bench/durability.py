"""Engram's durable adds beside those of other stores, in turn, on the same files and disk.

Every run begins with a copy of a store of so many memories. Its processes open it and wait for each
other; then every writer adds one memory after the other, each waiting for its acknowledgement. What
begins in the warm-up is not counted. Afterwards a fresh process looks up every memory that was
acknowledged. Meanwhile 4 KB beside the store are written over and synced 20 times a second. strace
counts how often a store syncs, in runs of their own.
"""
import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

from . import adding, stores

SET, DATA, ROWS = "durability", "dialog-100k", 100_000
SYNCS = "fsync,fdatasync,msync"
STRACE_SECONDS = 3


class Way:
    """A store, with so many processes and so many writers in each."""

    def __init__(self, name, group, kind, processes, writers):
        self.name, self.group, self.kind = name, group, kind
        self.processes, self.writers = processes, writers

    @property
    def described(self):
        noun = "task" if self.kind is None else "thread"
        if self.processes > 1:
            return f"{self.processes} processes"
        return f"1 {noun}" if self.writers == 1 else f"{self.writers} {noun}s"


ENGRAM, PLAIN, MEM0 = "Engram", "plain SQLite", "Mem0"
BY_USER = f"{PLAIN}, vectors by user"
ALL = [
    *(Way(ENGRAM, ENGRAM, None, *each) for each in ((1, 1), (1, 16), (8, 1))),
    *(Way(PLAIN, PLAIN, stores.PlainSQLite, *each) for each in ((1, 1), (1, 8), (8, 1))),
    *(Way(BY_USER, PLAIN, stores.PlainSQLiteByUser, *each) for each in ((1, 1), (1, 8), (8, 1))),
    *(Way(MEM0, MEM0, stores.Mem0, *each) for each in ((1, 1), (1, 8), (4, 1))),
    Way("Chroma", "Chroma", stores.Chroma, 1, 8),
]


class Failed(Exception):
    """A way that cannot run here, and why."""


def compare(folder, options, progress):
    """Every way's rounds, as one dictionary for the report."""
    left_out = {}
    ways = [way for way in ALL if is_wanted(way, options) and is_installed(way, left_out)]
    stores_folder = os.path.abspath(f"{options.dir}/{SET}")
    shutil.rmtree(stores_folder, ignore_errors=True)
    os.makedirs(stores_folder)
    bench = Bench(os.path.abspath(folder), stores_folder, options, progress)
    rounds = {way: [] for way in ways}
    for number in range(options.rounds):
        for way in ways:
            if way.name in left_out:
                continue
            progress(f"round {number + 1} of {options.rounds}, {way.name}, {way.described}")
            try:
                rounds[way].append(bench.measure(way))
            except Failed as reason:
                left_out[way.name] = f"{way.described}: {reason}"
                continue
            progress(f"  {rounds[way][-1]['adds_per_s']:,.0f} adds/s")
    ways = [way for way in ways if rounds[way]]
    syncs = bench.count_syncs(ways, left_out)
    shutil.rmtree(stores_folder)
    return {
        "data": DATA, "preload": options.preload, "rounds": options.rounds,
        "seconds": options.seconds, "warm_up": options.warm_up, "left_out": left_out,
        "machine": bench.machine, "sqlite": sqlite_version(),
        "ways": [
            {"name": way.name, "group": way.group, "way": way.described,
             "processes": way.processes, "writers": way.writers,
             "version": version(way, bench.machine), "syncs_per_add": syncs.get(way),
             "rounds": rounds[way]} for way in ways],
    }


def is_wanted(way, options):
    return way.kind is None or not options.only or way.name.startswith(
        tuple(options.only.split(",")))


def is_installed(way, left_out):
    for package in (way.kind.package, *way.kind.needs) if way.kind else ():
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            left_out[way.name] = f"{package} could not be installed"
            return False
    return True


def version(way, machine):
    if way.kind is None:
        return machine["machine"].get("revision", "") if machine else ""
    return ", ".join(f"{package} {importlib.metadata.version(package)}"
                     for package in (way.kind.package, *way.kind.needs))


def sqlite_version():
    """Of the plain way."""
    try:
        import apsw
    except ImportError:
        return None
    return apsw.sqlite_lib_version()


class Bench:
    """Runs a way once."""

    def __init__(self, data, folder, options, progress):
        self.machine = None
        self._data, self._folder = data, folder
        self._options, self._progress = options, progress
        self._loaded = {}

    def measure(self, way):
        if way.kind is None:
            return self._engram(way, self._options.seconds, self._options.warm_up)
        return self._other(way, self._options.seconds, self._options.warm_up)

    def count_syncs(self, ways, left_out):
        """Calls that sync per memory that was acknowledged, by way."""
        if not shutil.which("strace"):
            left_out["syncs per add"] = "strace is not installed"
            return {}
        counts = {}
        for way in ways:
            self._progress(f"counting syncs: {way.name}, {way.described}")
            with tempfile.TemporaryDirectory() as logs:
                run = self._engram if way.kind is None else self._other
                try:
                    figures = run(way, STRACE_SECONDS, 0, logs)
                except Failed as reason:
                    left_out[f"syncs of {way.name}, {way.described}"] = str(reason)
                    continue
                calls = sum(map(counted, (f"{logs}/{name}" for name in os.listdir(logs))))
            if figures["acknowledged"]:
                counts[way] = calls / figures["acknowledged"]
        return counts

    # Engram

    def _engram(self, way, seconds, warm_up, logs=None):
        """`engram-bench contention`, whose processes are its own."""
        command = [
            self._options.bench, "contention", "--dir", f"{self._folder}/engram",
            "--preload", str(self._options.preload if not logs else 0),
            "--processes", str(way.processes), "--writers", str(way.writers), "--readers", "0",
            "--seconds", str(seconds), "--warm-up", str(warm_up), "--json", "-",
            *(["--no-sync-probe"] if logs else [])]
        environment = {**os.environ, "ENGRAM_DATASETS": os.path.dirname(self._data)}
        run = subprocess.run(traced(command, logs, 0), env=environment, capture_output=True,
                             text=True)
        if run.returncode:
            sys.exit(f"{run.stderr}{' '.join(command)} ended with {run.returncode}")
        report = json.loads(run.stdout)
        self.machine = self.machine or report["machine"]
        figures = report["runs"][0]
        return {
            "adds_per_s": figures["adds_per_s"], "acknowledged": figures["acknowledged"],
            **{name: milliseconds(figures.get(f"add_{name}_us"))
               for name in ("p50", "p95", "p999", "max")},
            "least": figures["least_adds"], "most": figures["most_adds"],
            "served": (way.processes - figures["refused"]) * way.writers,
            "errors": self._without_folder(figures["error_texts"]),
            "refused": figures["refused"], "refusals": self._without_folder(figures["refusals"]),
            "gone": figures["lost"],
            "slowest_sync": milliseconds(figures.get("sync", {}).get("max_us")),
            "wake": figures.get("wake"),
        }

    def _without_folder(self, texts):
        return {text.replace(self._folder, "STORE"): count for text, count in texts.items()}

    # Others

    def _other(self, way, seconds, warm_up, logs=None):
        store = self._copy(way)
        part = (ROWS - self._options.preload) // way.processes
        children = []
        for number in range(way.processes):
            first = self._options.preload + number * part
            task = {**self._task(way, store, first, first + part), "threads": way.writers,
                    "seconds": seconds, "warm_up": warm_up}
            children.append(Child(task, logs, number))
        refusals = [said for child in children if (said := child.line()) != adding.READY]
        opened = [child for child in children if child.is_ready]
        start = time.monotonic_ns() + 100_000_000
        measured = start + int(warm_up * 1e9)
        for child in opened:
            child.say(start)
        time.sleep(max(0, measured - time.monotonic_ns()) / 1e9)
        file = f"{self._folder}/probe"
        with SyncProbe(file) if not logs else contextlib.nullcontext() as probe:
            time.sleep(max(0, measured + int(seconds * 1e9) - time.monotonic_ns()) / 1e9)
        answers = [child.answer() for child in opened]
        for child in children:
            child.end()
        figures = summary(answers, measured)
        acknowledged = figures.pop("ids")
        return {
            **figures, "acknowledged": len(acknowledged), "refused": len(refusals),
            "refusals": tally(refusals), "gone": self._gone(way, store, acknowledged),
            "slowest_sync": probe.slowest if probe else None,
        }

    def _task(self, way, store, first, end):
        return {"kind": way.kind.__name__, "folder": store, "data": self._data, "first": first,
                "end": end}

    def _copy(self, way):
        """A store that holds the first memories, which is made once."""
        folder = f"{self._folder}/store"
        shutil.rmtree(folder, ignore_errors=True)
        if way.kind not in self._loaded:
            self._progress(f"  loading {self._options.preload:,} memories")
            made = f"{self._folder}/{way.kind.__name__}"
            os.makedirs(made)
            self._ask(self._task(way, made, 0, max(self._options.preload, 1)))
            self._loaded[way.kind] = made
        shutil.copytree(self._loaded[way.kind], folder)
        os.sync()
        return folder

    def _gone(self, way, store, acknowledged):
        file = f"{self._folder}/acknowledged"
        with open(file, "w") as output:
            json.dump(acknowledged, output)
        task = self._task(way, store, self._options.preload, ROWS)
        return self._ask({**task, "acknowledged": file})["gone"]

    def _ask(self, task):
        child = Child(task)
        said = child.line()
        if not child.is_ready:
            raise Failed(said)
        answer = child.answer()
        child.end()
        if "died" in answer:
            raise Failed(answer["died"])
        return answer


class Child:
    """A process that runs adding.py."""

    def __init__(self, task, logs=None, number=0):
        command = [sys.executable, "-m", adding.__name__, json.dumps(task)]
        self._log = tempfile.TemporaryFile("w+", errors="replace")
        self._process = subprocess.Popen(
            traced(command, logs, number), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._log, text=True)
        self.is_ready = False

    def line(self):
        line = self._process.stdout.readline().strip()
        self.is_ready = line == adding.READY
        return line or self._died()

    def say(self, text):
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def answer(self):
        """What it measured, or how it ended."""
        answer = self._process.stdout.read()
        self._process.wait()
        return {"died": self._died()} if self._process.returncode else json.loads(answer)

    def end(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._log.close()

    def _died(self):
        code = self._process.wait()
        self._log.seek(0)
        said = [line.strip() for line in self._log if line.strip()]
        return f"its process ended with {code}: {said[-1] if said else 'no message'}"[:160]


class SyncProbe:
    """Syncs 4 KB of a file of its own 20 times a second; as `engram-bench contention` does."""

    def __init__(self, file):
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.slowest = 0.0  # milliseconds

    def __enter__(self):
        self._sync()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        os.close(self._file)

    def _run(self):
        while not self._done.wait(0.05):
            self.slowest = max(self.slowest, self._sync())

    def _sync(self):
        os.pwrite(self._file, os.urandom(4096), 0)
        start = time.perf_counter()
        os.fdatasync(self._file)
        return (time.perf_counter() - start) * 1e3


def summary(answers, measured):
    """One run's figures, of all writers of all processes that opened the store."""
    writers = [writer for answer in answers for writer in answer.get("writers", [])]
    latencies = np.array([each for writer in writers for each in writer["latencies"]]) / 1e6
    finished = max((answer["finished"] for answer in answers if "finished" in answer),
                   default=measured + 1)
    served = [len(writer["latencies"]) for writer in writers]
    errors = tally([answer["died"] for answer in answers if "died" in answer])
    for writer in writers:
        for text, count in writer["errors"].items():
            errors[text] = errors.get(text, 0) + count

    def percentile(percent):
        if not len(latencies):
            return None
        return float(np.percentile(latencies, percent, method="inverted_cdf"))

    return {
        "adds_per_s": len(latencies) / ((finished - measured) / 1e9),
        "p50": percentile(50), "p95": percentile(95), "p999": percentile(99.9),
        "max": percentile(100), "least": min(served, default=0), "most": max(served, default=0),
        "served": len(served), "errors": errors,
        "ids": [each for writer in writers for each in writer["acknowledged"]],
    }


def milliseconds(microseconds):
    return None if microseconds is None else microseconds / 1e3


def tally(texts):
    return {text: texts.count(text) for text in texts}


def traced(command, logs, number):
    """The command under strace, which counts the syncs of all its threads and children."""
    if not logs:
        return command
    return ["strace", "-f", "--seccomp-bpf", "-c", "-e", f"trace={SYNCS}", "-o",
            f"{logs}/{number}", *command]


def counted(log):
    """The calls in a summary of strace: lines end in a name, their fourth column is a number."""
    calls = 0
    with open(log) as file:
        for line in file:
            columns = line.split()
            if columns and columns[-1] in SYNCS.split(","):
                calls += int(columns[3])
    return calls
