"""Engram beside others on the same files, in turn: its index beside other libraries, and, in the
set `durability`, its durable adds beside other stores (see durability.py), in the set `embed` its
embeddings beside ONNX Runtime (see embedding.py).

Every library's index is built on all cores and searched on one thread. First a bisection finds each
library's smallest search width that reaches each recall@10; then every round measures every library
at its widths, one after the other. The median round counts. hnswlib, whose graph is never twice the
same, is built and bisected anew in every round. Engram is built anew as well, and measured at a few
widths around; the smallest that reaches the target counts.
"""
import argparse
import importlib.metadata
import json
import sys
import time

from . import durability, durability_report, embedding, filters, libraries, report, widths
from .contestants import Engram, Peer
from .data import SETS, DataSet, Truth, find
from .worker import LeftOut

TARGETS = [0.99, 0.999]
ENGRAM, ENGRAM_AVX2 = "Engram", "Engram, AVX2 kernels"


def main():
    options = arguments()
    results = []
    for name in options.sets.split(","):
        if name == durability.SET:
            folder = find(durability.DATA, options.dialog_100k)
            results.append(durability.compare(folder, options, progress))
            print(durability_report.text(results[-1]), flush=True)
            continue
        if name == embedding.SET:
            results.append(embedding.compare(options, progress))
            print(embedding.text(results[-1]), flush=True)
            continue
        data = DataSet(name, find(name, getattr(options, name.replace("-", "_"))), options.rows)
        results.append(compare(data, options))
        print(report.text(results[-1]), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/peers", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--sets", default=",".join(SETS),
                        help=f"default: %(default)s; {durability.SET} measures stores, "
                        f"{embedding.SET} embeddings")
    for name in SETS:
        parser.add_argument(f"--{name}", metavar="FOLDER",
                            help="where it is; default: in the folder ENGRAM_DATASETS names")
    parser.add_argument("--rows", type=int, default=100_000,
                        help="the first 4,300, 10,000, 50,000 or (default) all 100,000")
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--only", metavar="NAMES", help="peers whose names begin with one of "
                        "these, with commas between: hnswlib,SVS 32")
    parser.add_argument("--model", metavar="FOLDER",
                        help=f"of {embedding.SET}; default: where engram model fetch puts it")
    parser.add_argument("--seconds", type=float, default=10,
                        help=f"of each run of {durability.SET}; default: %(default)s")
    parser.add_argument("--warm-up", type=float, default=1,
                        help="seconds before them; default: %(default)s")
    parser.add_argument("--preload", type=int, default=4_300,
                        help="memories before each run of it; default: %(default)s")
    parser.add_argument("--dir", default=".build/peer-stores",
                        help="where its stores are made, the disk to be measured; "
                        "default: %(default)s")
    parser.add_argument("--json", metavar="FILE", help="also write every figure of every round")
    return parser.parse_args()


def compare(data, options):
    """Every contestant's widths, then the rounds, as one dictionary for the report."""
    left_out = {}
    chosen = choose_widths(data, options, left_out)
    drop_same_kernels(chosen, left_out)
    rounds, filtered = run_rounds(data, options, chosen, left_out)
    for contestant in chosen:
        contestant.close()
    engram = next(c for c in chosen if c.name == ENGRAM)
    return {
        "data": data.name, "rows": data.rows, "dimension": data.queries.shape[1],
        "rounds": options.rounds, "targets": TARGETS, "left_out": left_out,
        "machine": engram.machine,
        "build_width": {"engram": engram.build_width, "others": libraries.BUILD_WIDTH},
        "filters": filtered,
        "contestants": [
            {"name": c.name, "package": c.package, "version": version(c), "exact": c.exact,
             "build_seconds": c.build_seconds, "widths": chosen[c], "rounds": rounds[c]}
            for c in chosen],
    }


def choose_widths(data, options, left_out):
    chosen = {}
    for contestant in contestants(data, options, left_out):
        progress(f"{data.name}: {contestant.name}, looking for widths")
        try:
            chosen[contestant] = choose(contestant)
        except LeftOut as reason:
            left_out[contestant.name] = str(reason)
            contestant.close()
            continue
        progress(f"  built in {contestant.build_seconds[0]:.1f} s, widths {chosen[contestant]}")
    return chosen


def run_rounds(data, options, chosen, left_out):
    """What each contestant's rounds measured, one that fails in any is dropped from `chosen`; and
    what Engram's under filters did."""
    rounds = {contestant: [] for contestant in chosen}
    filtered = []
    for number in range(options.rounds):
        for contestant in list(chosen):
            progress(f"{data.name}: round {number + 1} of {options.rounds}, {contestant.name}")
            try:
                rounds[contestant].append(run_round(contestant, chosen[contestant], number))
            except LeftOut as reason:
                left_out[contestant.name] = f"in round {number + 1}, {reason}"
                contestant.close()
                del chosen[contestant]
        if data.name == filters.SET:
            progress(f"{data.name}: round {number + 1} of {options.rounds}, Engram under filters")
            filtered.append(filters.measured(options.bench, data))
    return rounds, filtered


def run_round(contestant, chosen_widths, number):
    if number and contestant.built_each_round:
        contestant.build()
        chosen_widths = choose(contestant)
    return contestant.round(to_measure(contestant, chosen_widths))


def contestants(data, options, left_out):
    """Engram and those of its peers that are wanted and installed, one after the other."""
    truth = Truth(data)
    yield Engram(ENGRAM, options.bench, data)
    yield Engram(ENGRAM_AVX2, options.bench, data, kernels="avx2")
    for library in libraries.ALL:
        if options.only and not library.name.startswith(tuple(options.only.split(","))):
            continue
        try:
            importlib.metadata.version(library.package)
        except importlib.metadata.PackageNotFoundError:
            left_out[library.name] = f"{library.package} could not be installed"
            continue
        yield Peer(library, data, truth)


def choose(contestant):
    if not contestant.exact:
        return widths.smallest(contestant, TARGETS)
    contestant.recalls([None])
    return {target: None for target in TARGETS}


def to_measure(contestant, chosen):
    if contestant.exact:
        return [None]
    wanted = [width for width in chosen.values() if width]
    if not contestant.keeps_graph:
        wanted = [near for width in wanted for near in widths.around(width)]
    return sorted(set(wanted))


def drop_same_kernels(chosen, left_out):
    """A second row for Engram says something only where it ran other kernels than the first."""
    by_name = {contestant.name: contestant for contestant in chosen}
    kernels = {name: by_name[name].machine["kernels"] for name in (ENGRAM, ENGRAM_AVX2)}
    if kernels[ENGRAM_AVX2] != "avx2" or kernels[ENGRAM] == "avx2":
        del chosen[by_name[ENGRAM_AVX2]]
        left_out[ENGRAM_AVX2] = f"{ENGRAM} itself ran {kernels[ENGRAM]}"


def version(contestant):
    if contestant.package:
        return importlib.metadata.version(contestant.package)
    return contestant.machine["machine"].get("revision", "")


def progress(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
