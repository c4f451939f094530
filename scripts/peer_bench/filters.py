"""Engram under filters, in the same sitting as its peers without any."""
import json
import os
import subprocess
import sys
from statistics import median

# The set whose memories have users and agents to filter by.
SET = "dialog-100k"


def measured(bench, data):
    """One run of `engram-bench ann-filters`: each filter's figures."""
    command = [bench, "ann-filters", "--rows", str(data.rows), "--json", "-"]
    environment = {**os.environ, "ENGRAM_DATASETS": os.path.dirname(data.folder)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{run.stderr}{' '.join(command)} ended with {run.returncode}")
    return [
        {"filter": each["selection"], "passing": each["passing"],
         **{key: each["searches"][0][key] for key in ("recall", "p50_us", "p95_us")}}
        for each in json.loads(run.stdout)["selections"]]


def lines(rounds, peer):
    """The medians of the rounds as a table, beside a peer's unfiltered p95 at a recall."""
    if not rounds:
        return []
    columns = ["filter", "rows that pass", "recall@10", "p50 us", "p95 us"]
    if peer:
        columns.append(f"{peer['name']}'s p95 without a filter to its")
    table = ["", "Engram under filters that are ready as bitmaps, at the width that it chooses "
             "itself for recall of 0.99:", "", f"| {' | '.join(columns)} |",
             f"| --- |{' ---: |' * (len(columns) - 1)}"]
    for same in zip(*rounds):
        passing, recall, p50, p95 = (median(each[key] for each in same)
                                     for key in ("passing", "recall", "p50_us", "p95_us"))
        cells = [same[0]["filter"], f"{passing:,.0f}", f"{recall:.4f}", f"{p50:.1f}", f"{p95:.1f}"]
        if peer:
            cells.append(f"{peer['p95_us'] / p95:.2f}")
        table.append(f"| {' | '.join(cells)} |")
    return table
