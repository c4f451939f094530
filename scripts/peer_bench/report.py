"""The tables and the sentences below them."""
from statistics import median

from . import filters
from .widths import COARSE

HEAD = ("| library | version | width | recall@10 | p50 us | p95 us | queries/s | by | build s "
        "| Engram's queries/s to its |")
RULE = "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
OTHERS = ("faiss-cpu", "usearch", "voyager", "scalable-vs")


def text(result):
    machine = result["machine"]
    processor = machine["machine"]["processor"]
    build_width = result["build_width"]
    lines = [
        f"## {result['data']}: {result['rows']:,} x {result['dimension']}", "",
        f"{processor['model']}, {processor['cores']} cores; Engram's kernels {machine['kernels']}; "
        f"graphs are built with a list of {build_width['engram']} by Engram and of "
        f"{build_width['others']} by the others; "
        f"builds on all cores, searches on one thread; median of {result['rounds']} rounds in "
        "turn. \"By\" is the faster way to search: single calls, or one call for all queries.",
    ]
    for target in result["targets"]:
        rows = [row(contestant, target) for contestant in result["contestants"]]
        lines += ["", f"At the smallest width with recall@10 >= {target}:", "", HEAD, RULE]
        lines += [cells(each, rows[0]) for each in rows]
        lines += ["", *(f"- {sentence}" for sentence in sentences(rows, target))]
    lines += filters.lines(result["filters"], unfiltered(result))
    lines += ["", f"- {build_sentence(result['contestants'])}"]
    lines += [f"- Left out: {name}: {reason.rstrip('.')}."
              for name, reason in result["left_out"].items()]
    return "\n".join(lines) + "\n"


def unfiltered(result):
    """What hnswlib measured at the lowest target; none where it was not measured."""
    rows = [row(each, result["targets"][0]) for each in result["contestants"]]
    return next(({"name": each["name"], **each["point"]} for each in rows
                 if each["name"] == "hnswlib" and each["point"]), None)


def row(contestant, target):
    """The medians of the rounds' points for a target; none where most rounds have none."""
    points = [first(points, target, contestant["exact"]) for points in contestant["rounds"]]
    reached = [point for point in points if point]
    return {
        "name": contestant["name"], "package": contestant["package"],
        "version": contestant["version"], "build": median(contestant["build_seconds"]),
        "point": medians(reached) if 2 * len(reached) > len(points) else None,
    }


def first(points, target, exact):
    """What a round measured at its smallest width that reaches the target."""
    return next((point for point in points if exact or point["recall"] >= target), None)


def medians(points):
    figures = {key: median(point[key] for point in points)
               for key in ("recall", "p50_us", "p95_us", "qps")}
    widths = sorted(point["width"] or 0 for point in points)
    return {"width": widths[len(widths) // 2], "way": points[-1]["way"], **figures}


def cells(row, engram):
    point = row["point"]
    start = f"| {row['name']} | {row['version']} |"
    if not point:
        return f"{start} not up to {COARSE[-1]:,} | | | | | {row['build']:.2f} | |"
    ratio = f"{engram['point']['qps'] / point['qps']:.2f}" if engram["point"] else ""
    return (f"{start} {point['width'] or 'all'} | {point['recall']:.4f} | {point['p50_us']:.1f} | "
            f"{point['p95_us']:.1f} | {point['qps']:,.0f} | {point['way']} | {row['build']:.2f} | "
            f"{ratio} |")


def sentences(rows, target):
    engram = rows[0]["point"]
    if not engram:
        return [f"Engram does not reach {target}."]
    lines = [f"Engram's p95 is {engram['p95_us'] / engram['p50_us']:.2f} times its p50."]
    for of, packages in (("", ("hnswlib",)), ("the best of the others, ", OTHERS)):
        peers = [row for row in rows if row["package"] in packages and row["point"]]
        if peers:
            best = max(peers, key=lambda row: row["point"]["qps"])
            ratio = engram["qps"] / best["point"]["qps"]
            lines.append(f"Engram to {of}{best['name']}: {ratio:.2f} times the queries per second.")
    return lines


def build_sentence(contestants):
    seconds = {each["name"]: median(each["build_seconds"]) for each in contestants}
    if "hnswlib" not in seconds:
        return "hnswlib was not measured."
    return (f"Engram's build on the same threads is {seconds['hnswlib'] / seconds['Engram']:.2f} "
            f"times as fast as hnswlib's ({seconds['Engram']:.2f} s and "
            f"{seconds['hnswlib']:.2f} s).")
