"""Engram's embeddings beside ONNX Runtime's, of the same model and the same tokens, in turn.

ONNX Runtime has the graph that its own optimizer fuses (onnx_model.py), takes tokens that are ready
where Engram takes texts, and its batches are sorted by length, of the size that is its fastest.
"""
import gzip
import importlib.metadata
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from .data import find

SET = "embed"
TOKENS = [8, 20, 64, 128, 256]
TEXTS, PASSES = 512, 200
SIZES = [1, 4, 8, 16, 32, 64]
HOUSE = 2160  # The word that engram-bench embeds.
REFERENCE = "Tests/EngramModelsTests/Reference/reference.json"


def compare(options, progress):
    folder = os.path.abspath(options.model or model_folder())
    with tempfile.TemporaryDirectory() as work:
        texts = f"{work}/texts"
        with open(texts, "w") as file:
            file.write("\n".join(dialog_texts(find("dialog-100k", options.dialog_100k))))
        progress(f"{SET}: ONNX Runtime's graph")
        peer = Peer(folder, f"{work}/model.onnx", texts)
        ways = {"Engram": Engram(options.bench, folder, texts),
                "Engram, AVX2 kernels": Engram(options.bench, folder, texts, kernels="avx2"),
                f"ONNX Runtime {version('onnxruntime')}": peer}
        rounds = {name: [] for name in ways}
        for number in range(options.rounds):
            for name, way in ways.items():
                progress(f"{SET}: round {number + 1} of {options.rounds}, {name}")
                rounds[name].append(way.round())
        engram = ways["Engram"]
        return {"data": SET, "rounds": options.rounds, "machine": engram.machine,
                "fused": peer.fused, "farthest": peer.farthest, "size": peer.size,
                "ways": {name: best(each) for name, each in rounds.items()},
                "all_rounds": rounds}


def model_folder():
    named = os.environ.get("ENGRAM_MODEL_DIR")
    caches = os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache"))
    return named or f"{caches}/engram/models/all-MiniLM-L6-v2"


def dialog_texts(folder):
    with gzip.open(f"{folder}/base.jsonl.gz", "rt") as lines:
        return [" ".join(json.loads(line)["memory"].split())
                for line in itertools.islice(lines, TEXTS)]


class Engram:
    def __init__(self, bench, folder, texts, kernels=None):
        self.machine = None
        self._command = [bench, "embed", "--model", folder, "--texts", texts, "--tokens",
                         ",".join(map(str, TOKENS)), "--passes", str(PASSES), "--json", "-"]
        self._environment = {**os.environ, **({"ENGRAM_KERNELS": kernels} if kernels else {})}

    def round(self):
        run = subprocess.run(self._command, env=self._environment, capture_output=True, text=True)
        if run.returncode:
            sys.exit(f"{run.stderr}{' '.join(self._command)} ended with {run.returncode}")
        report = json.loads(run.stdout)
        self.machine = report["machine"]
        figures = {f"{kind} {each['tokens']}": each[f"{kind}_ms"]
                   for each in report["singles"] for kind in ("p50", "p95", "p99")}
        for batch in report["batches"]:
            key = "batch 1" if batch["threads"] == 1 else "batch all"
            figures[key] = batch["texts_per_s"]
            figures["tokens"] = batch["tokens"]
        return figures


class Peer:
    def __init__(self, folder, file, texts):
        from tokenizers import BertWordPieceTokenizer

        from . import onnx_model
        self.fused = onnx_model.make(folder, file)
        cores = os.cpu_count() or 1
        self._single, self._wide = session(file, 1), session(file, cores)
        self._threads = cores
        self.farthest = self._farthest_from_reference()
        tokenizer = BertWordPieceTokenizer(f"{folder}/vocab.txt")
        tokenizer.enable_truncation(256)
        with open(texts) as lines:
            tokens = [tokenizer.encode(line.rstrip("\n")).ids for line in lines]
        self._texts = sorted(tokens, key=len)
        self.size = min(SIZES, key=lambda size: self._seconds(batches(self._texts, size)))

    def round(self):
        figures = {}
        for count in TOKENS:
            ids = np.full((1, count), HOUSE)
            ids[0, 0], ids[0, -1] = 101, 102
            inputs = {"ids": ids, "mask": np.ones_like(ids)}
            for suffix, runner in (("", self._single), (" all", self._wide)):
                times = sorted(timed(runner, inputs) for _ in range(PASSES))
                for kind, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
                    figures[f"{kind} {count}{suffix}"] = 1e3 * float(np.quantile(times, share))
        ready = batches(self._texts, self.size)
        figures["batch 1"] = len(self._texts) / self._seconds(ready)
        # All cores in one call, or a call on each core: whichever is faster.
        with ThreadPoolExecutor(self._threads) as pool:
            start = time.perf_counter()
            list(pool.map(lambda inputs: self._single.run(None, inputs), reversed(ready)))
            side_by_side = time.perf_counter() - start
        figures["batch all"] = len(self._texts) / min(
            side_by_side, self._seconds(ready, self._wide))
        figures["tokens"] = sum(map(len, self._texts))
        return figures

    def _seconds(self, ready, runner=None):
        runner = runner or self._single
        runner.run(None, ready[0])
        start = time.perf_counter()
        for inputs in ready:
            runner.run(None, inputs)
        return time.perf_counter() - start

    def _farthest_from_reference(self):
        """The greatest 1 - cosine to the vectors that Engram's tests compare with."""
        with open(REFERENCE) as file:
            reference = json.load(file)
        farthest = 0
        for line in reference:
            ids = np.array([line["ids"]])
            vector = self._single.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0][0]
            other = np.array(line["vector"])
            cosine = vector @ other / np.sqrt((vector @ vector) * (other @ other))
            farthest = max(farthest, 1 - float(cosine))
        if farthest > 1e-5:
            raise RuntimeError(f"ONNX Runtime's vectors differ: 1 - cosine {farthest}")
        return farthest


def session(file, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def timed(runner, inputs):
    start = time.perf_counter()
    runner.run(None, inputs)
    return time.perf_counter() - start


def batches(texts, size):
    """Texts of about one length together, filled up to the longest."""
    made = []
    for begin in range(0, len(texts), size):
        part = texts[begin:begin + size]
        ids = np.zeros((len(part), max(map(len, part))), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(part):
            ids[row, :len(text)], mask[row, :len(text)] = text, 1
        made.append({"ids": ids, "mask": mask})
    return made


def best(rounds):
    """Of each figure the round that others on the machine have disturbed least."""
    return {key: (min if key.startswith("p") else max)(each[key] for each in rounds)
            for key in rounds[0]}


def version(package):
    return importlib.metadata.version(package)


def text(result):
    machine = result["machine"]
    processor = machine["machine"]["processor"]
    names = list(result["ways"])
    engram, avx2, peer = (result["ways"][name] for name in names)
    fused = ", ".join(f"{count} {name}" for name, count in result["fused"].items())
    lines = [
        f"## Embeddings: all-MiniLM-L6-v2 beside {names[2]}", "",
        f"{processor['model']}, {processor['cores']} cores; Engram's kernels {machine['kernels']}, "
        f"revision {machine['machine'].get('revision', 'unknown')}; of each figure the best of "
        f"{result['rounds']} rounds in turn, {PASSES} passes each. Engram takes texts, ONNX Runtime "
        "tokens that are ready. Its graph is fused by its own optimizer for BERT "
        f"({fused}); its vectors agree with the reference to 1 - cosine {result['farthest']:.0e}. "
        "It chooses its instruction set itself, so the rows of Engram's AVX2 kernels are beside the "
        "same ONNX Runtime, which uses AVX-512 where there is one.",
        "", "One text on one thread, milliseconds:", "",
        "| tokens | Engram p50 | p95 | p99 | AVX2 kernels p50 | p95 | p99 | ONNX Runtime p50 "
        f"| p95 | p99 | with {processor['cores']} threads p50 | its p50 to Engram's | to AVX2 kernels |",
        f"| ---: |{' ---: |' * 12}"]
    for count in TOKENS:
        cells = [f"{way[f'{kind} {count}']:.2f}" for way in (engram, avx2, peer)
                 for kind in ("p50", "p95", "p99")]
        cells.append(f"{peer[f'p50 {count} all']:.2f}")
        cells += [f"{peer[f'p50 {count}'] / way[f'p50 {count}']:.2f}" for way in (engram, avx2)]
        lines.append(f"| {count} | {' | '.join(cells)} |")
    lines += [
        "", f"{TEXTS} texts of dialog-100k in one call, {engram['tokens']:,.0f} tokens. ONNX "
        f"Runtime: sorted by length, in batches of {result['size']}, its fastest of "
        f"{', '.join(map(str, SIZES))}; on all cores one call with all threads or a call on each "
        "core, whichever is faster.", "",
        "| threads | Engram texts/s | tokens/s | AVX2 kernels texts/s | ONNX Runtime texts/s "
        "| tokens/s | Engram to it | AVX2 kernels to it |",
        f"| ---: |{' ---: |' * 7}"]
    for key, threads in (("batch 1", 1), ("batch all", processor["cores"])):
        per_text = engram["tokens"] / TEXTS
        values = [f"{engram[key]:,.0f}", f"{engram[key] * per_text:,.0f}", f"{avx2[key]:,.0f}",
                  f"{peer[key]:,.0f}", f"{peer[key] * per_text:,.0f}",
                  f"{engram[key] / peer[key]:.2f}", f"{avx2[key] / peer[key]:.2f}"]
        lines.append(f"| {threads} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"
