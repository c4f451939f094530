"""hnswlib and engram-bench ann in turn on the same files: recall, speed and build side by side.

usage: peers.py ENGRAM_BENCH DATA_FOLDER [ROUNDS]

Both build on all cores and search on one thread with M 16 and efConstruction 200. Latencies of
hnswlib are of single calls through its binding; its queries per second are of one call for all
queries, which is its fastest way. The best round of each counts for both.
"""
import importlib.metadata, json, os, subprocess, sys, tempfile, time

import hnswlib
import numpy as np

EFS = [32, 48, 56, 64, 72, 80, 96, 128, 200]
K = 10


def vectors(path):
    rows, dimension = np.fromfile(path, dtype="<u4", count=2)
    kind = "<f2" if path.endswith(".f16bin") else "<f4"
    return np.fromfile(path, dtype=kind, offset=8).reshape(rows, dimension).astype("f4")


def recall(found, base, queries, kth):
    scores = np.einsum("qkd,qd->qk", base[found].astype("f8"), queries.astype("f8"))
    return float((scores >= (kth - 1e-6 * np.maximum(1, np.abs(kth)))[:, None]).mean())


def run_hnswlib(base, queries, kth):
    index = hnswlib.Index("ip", base.shape[1])
    index.init_index(len(base), M=16, ef_construction=200, random_seed=1)
    index.set_num_threads(os.cpu_count())
    start = time.perf_counter()
    index.add_items(base)
    build = time.perf_counter() - start
    index.set_num_threads(1)
    points = []
    for ef in EFS:
        index.set_ef(ef)
        start = time.perf_counter()
        found, _ = index.knn_query(queries, K)
        batch = time.perf_counter() - start
        single = []
        for query in queries:
            start = time.perf_counter()
            index.knn_query(query, K)
            single.append((time.perf_counter() - start) * 1e6)
        points.append(
            {
                "ef": ef,
                "recall": recall(found, base, queries, kth),
                "p50_us": float(np.percentile(single, 50)),
                "p95_us": float(np.percentile(single, 95)),
                "qps": len(queries) / batch,
            }
        )
    return build, points


def run_engram(bench, folder, query_file):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        subprocess.run(
            [bench, "ann", "--base", f"{folder}/base.f16bin", "--queries", query_file]
            + ["--truth", f"{folder}/gt/public.100000.ibin", "--ef", ",".join(map(str, EFS))]
            + ["--json", out.name],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        report = json.load(open(out.name))
    return report["build"]["seconds"], report["points"], report["machine"]


def main():
    bench, folder = sys.argv[1:3]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    base = vectors(f"{folder}/base.f16bin")
    name = next(f"queries.public.{kind}" for kind in ("fbin", "f16bin")
                if os.path.exists(f"{folder}/queries.public.{kind}"))
    queries = vectors(f"{folder}/{name}")
    truth = np.fromfile(f"{folder}/gt/public.100000.ibin", dtype="<u4", offset=8)
    truth = truth.reshape(len(queries), -1)[:, :K]
    kth = np.einsum("qkd,qd->qk", base[truth].astype("f8"), queries.astype("f8")).min(axis=1)
    runs = {"hnswlib": [], "engram": []}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        runs["hnswlib"].append(run_hnswlib(base, queries, kth))
        build, points, machine = run_engram(bench, folder, f"{folder}/{name}")
        runs["engram"].append((build, points))
    processor = machine["machine"]["processor"]
    print(f"{processor['model']}, {processor['cores']} cores; Engram kernels {machine['kernels']}; "
          f"hnswlib {importlib.metadata.version('hnswlib')}; {len(base):,} x {base.shape[1]}, "
          f"best of {rounds} rounds in turn\n")
    print("| library | ef | recall@10 | p50 us | p95 us | queries/s | build s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    best = {}
    for library, results in runs.items():
        build = min(result[0] for result in results)
        for index, ef in enumerate(EFS):
            points = [result[1][index] for result in results]
            fastest = max(points, key=lambda point: point["qps"])
            p50 = min(point["p50_us"] for point in points)
            p95 = min(point["p95_us"] for point in points)
            print(f"| {library} | {ef} | {fastest['recall']:.4f} | {p50:.1f} | {p95:.1f} | "
                  f"{fastest['qps']:,.0f} | {build:.2f} |")
            if fastest["recall"] >= 0.99 and library not in best:
                best[library] = (ef, fastest["recall"], fastest["qps"], build)
    if len(best) == 2:
        ours, theirs = best["engram"], best["hnswlib"]
        print(f"\nAt the first ef with recall@10 >= 0.99 (Engram ef {ours[0]}, {ours[1]:.4f}; hnswlib "
              f"ef {theirs[0]}, {theirs[1]:.4f}): {ours[2] / theirs[2]:.2f} times the queries per "
              f"second; the build is {theirs[3] / ours[3]:.2f} times as fast.")


main()
