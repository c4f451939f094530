"""Engram and its peers behind one interface: recall at some widths, and a round of measuring."""
import json
import os
import subprocess
import sys

from . import worker


class Peer:
    probes = 1  # widths to look at before deciding which to look at next
    keeps_graph = True  # from looking for widths to measuring at them

    def __init__(self, library, data, truth):
        self.name, self.package, self.exact = library.name, library.package, library.exact
        self.built_each_round = library.built_each_round
        self.build_seconds = []
        self._truth = truth
        self._worker = worker.Worker(library, data)

    def recalls(self, widths):
        if not self.build_seconds:
            self.build()
        return {width: self._truth.recall(self._worker.run(worker.found, width))
                for width in widths}

    def round(self, widths):
        points = []
        for width in widths:
            found, point = self._worker.run(worker.measure, width)
            points.append({"recall": self._truth.recall(found), **point})
        return points

    def build(self):
        self.build_seconds.append(self._worker.run(worker.build))

    def close(self):
        self._worker.close()


class Engram:
    """`engram-bench ann`, which builds the index whenever it is called: as good as the same one."""

    package = None
    exact = False
    built_each_round = False
    probes = 15
    keeps_graph = False

    def __init__(self, name, bench, data, kernels=None):
        self.name = name
        self.build_seconds = []
        self.machine = None
        self.build_width = None
        self._bench, self._data = bench, data
        self._environment = {**os.environ, **({"ENGRAM_KERNELS": kernels} if kernels else {})}

    def recalls(self, widths):
        points = self._run(widths, "--passes", "1", "--no-batches")
        return {point["ef"]: point["recall"] for point in points}

    def round(self, widths):
        return [self._faster(point) for point in self._run(widths, "--passes", "3")]

    def close(self):
        pass

    def _faster(self, point):
        ways = {"single": point["qps"], "batch": point["batch_qps"]}
        way = max(ways, key=ways.get)
        return {"width": point["ef"], "way": way, "qps": ways[way],
                **{key: point[key] for key in ("recall", "p50_us", "p95_us")}}

    def _run(self, widths, *options):
        command = [
            self._bench, "ann", "--base", self._data.base_file, "--rows", str(self._data.rows),
            "--queries", self._data.query_file, "--truth", self._data.truth_file,
            "--ef", ",".join(map(str, widths)), "--json", "-", *options]
        run = subprocess.run(command, env=self._environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{run.stderr}{' '.join(command)} ended with {run.returncode}")
        report = json.loads(run.stdout)
        self.machine = report["machine"]
        self.build_width = report["build"]["ef_construction"]
        self.build_seconds.append(report["build"]["seconds"])
        return report["points"]
