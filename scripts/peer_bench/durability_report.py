"""The table of the set `durability`, and the sentences below it."""
from statistics import median

from .durability import ENGRAM, MEM0, PLAIN

COLUMNS = ["store", "writers", "adds/s", "p50 ms", "p95 ms", "p99.9 ms", "max ms", "syncs per add",
           "errors", "gone", "could not open", "least served to best", "slowest raw sync ms",
           "Engram's best adds/s to its"]


def text(result):
    machine = result["machine"]
    processor = machine["machine"]["processor"]
    rows = [row(way) for way in result["ways"]]
    best = best_of(rows, ENGRAM)
    lines = [
        f"## Durable adds: {result['data']}, {result['preload']:,} memories before each run", "",
        f"{processor['model']}, {processor['cores']} cores; {volume(machine)}; {result['rounds']} "
        f"rounds in turn, runs of {result['seconds']:g} s after a warm-up of "
        f"{result['warm_up']:g} s. Every add is one call that waits for its acknowledgement. "
        "Adds/s and percentiles are medians of the rounds, the rest is the worst or the sum. "
        "Engram's time ends when the last memory is in the graph, that of the others with the last "
        "acknowledgement. \"Gone\" are memories that were acknowledged and are not there "
        "afterwards, for a fresh process; \"could not open\" are processes. Writers of processes "
        "that could not open are not among those served. Engram is called from Swift, the others "
        "from Python.",
        "",
        "Plain SQLite is a table of memories, FTS5, sqlite-vec and a row of history in one "
        f"transaction, WAL, synchronous FULL, SQLite {result['sqlite']}; by user: with vectors in "
        "a partition per user. Mem0 has its default store, with vectors given and `infer=False`.",
        "", f"| {' | '.join(COLUMNS)} |",
        f"| --- | --- |{' ---: |' * (len(COLUMNS) - 2)}",
    ]
    lines += [cells(each, best) for each in rows]
    lines += ["", *(f"- {sentence}" for sentence in sentences(rows, best))]
    lines += [f"- {name}: {version}." for name, version in
              {way["name"]: way["version"] for way in result["ways"]}.items() if version]
    lines += [f"- Left out: {name}: {reason.rstrip('.')}."
              for name, reason in result["left_out"].items()]
    return "\n".join(lines) + "\n"


def volume(machine):
    found = machine.get("volume")
    if not found:
        return "file system unknown"
    return f"{found['fileSystem']} on {found['device']}, {found['model']}"


def row(way):
    rounds = way["rounds"]
    middle = {key: median_of(rounds, key) for key in ("adds_per_s", "p50", "p95", "p999")}
    total = {key: sum(each[key] for each in rounds) for key in ("gone", "refused")}
    texts = {}
    for each in rounds:
        for said, count in [*each["errors"].items(), *each["refusals"].items()]:
            texts[said] = texts.get(said, 0) + count
    return {
        **way, **middle, **total, "texts": texts,
        "max": worst(rounds, "max"), "slowest_sync": worst(rounds, "slowest_sync"),
        "errors": sum(sum(each["errors"].values()) for each in rounds),
        "fairness": min((each["least"] / each["most"] for each in rounds
                         if each["most"] and each["served"] > 1), default=None),
        "late": [each["p999"] for each in rounds
                 if each["p999"] and each["p999"] > bound(each["slowest_sync"])],
    }


def median_of(rounds, key):
    known = [each[key] for each in rounds if each[key] is not None]
    return median(known) if known else None


def worst(rounds, key):
    return max((each[key] for each in rounds if each[key] is not None), default=None)


def bound(slowest_sync):
    """Milliseconds that the p99.9 of an add may take: 50, or five times the slowest sync."""
    return max(50, 5 * (slowest_sync or 0))


def cells(row, best):
    ratio = None
    if best and row["adds_per_s"]:
        ratio = f"{best['adds_per_s'] / row['adds_per_s']:.2f}"
        if row["adds_per_s"] > best["adds_per_s"]:
            ratio += ", it is faster"
    values = [
        row["name"], row["way"], number(row["adds_per_s"], 0), number(row["p50"], 2),
        number(row["p95"], 2), number(row["p999"], 2), number(row["max"], 1),
        number(row["syncs_per_add"], 2), f"{row['errors']:,}", f"{row['gone']:,}",
        f"{row['refused']} of {row['processes'] * len(row['rounds'])}",
        number(row["fairness"], 2), number(row["slowest_sync"], 1), ratio or ""]
    return f"| {' | '.join(values)} |"


def number(value, decimals):
    return "" if value is None else f"{value:,.{decimals}f}"


def sentences(rows, best):
    lines = []
    if best:
        groups = dict.fromkeys(row["group"] for row in rows if row["group"] != ENGRAM)
        for group in groups:
            other = best_of(rows, group)
            lines.append(f"Engram's best ({best['way']}) to the best of {called(group)} "
                         f"({described(other)}): {ratio(best, other)}.")
        lines += same_writers(rows)
    for row in rows:
        if row["group"] == ENGRAM:
            lines.append(waits(row))
        for said, count in sorted(row["texts"].items(), key=lambda each: -each[1]):
            lines.append(f"{row['name']}, {row['way']}: {count:,} times `{said}`.")
    return lines


def same_writers(rows):
    """Engram beside the fastest of the plain ways with as many writers, where that was measured."""
    lines = []
    for engram in rows:
        if engram["group"] != ENGRAM:
            continue
        same = [row for row in rows if row["group"] == PLAIN and row["adds_per_s"]
                and (row["processes"], row["writers"]) == (engram["processes"], engram["writers"])]
        if same:
            other = max(same, key=lambda row: row["adds_per_s"])
            lines.append(f"Engram with {engram['way']} to {described(other)}: "
                         f"{ratio(engram, other)}.")
    return lines


def waits(row):
    kept = f"above its bound in {len(row['late'])} of {len(row['rounds'])} rounds" if row["late"] \
        else "within its bound in every round"
    line = (f"Engram, {row['way']}: p99.9 {kept} (50 ms, or five times the slowest raw sync of the "
            "same run)")
    wakes = [each["wake"]["p99_us"] / 1e3 for each in row["rounds"] if each.get("wake")]
    if wakes:
        line += f"; an idle thread woke {median(wakes):.1f} ms late (p99)"
    return line + "."


def ratio(ours, other):
    if not other["adds_per_s"] or not ours["adds_per_s"]:
        return "nothing to compare"
    times = ours["adds_per_s"] / other["adds_per_s"]
    loses = "" if times >= 1 else f" ({other['name']} is faster)"
    return (f"{times:.2f} times the adds per second, {ours['adds_per_s']:,.0f} to "
            f"{other['adds_per_s']:,.0f}{loses}")


def described(row):
    return f"{row['name']}, {row['way']}"


def called(group):
    return {PLAIN: "the plain way", MEM0: "Mem0's default store"}.get(group, group)


def best_of(rows, group):
    return max((row for row in rows if row["group"] == group and row["adds_per_s"]),
               key=lambda row: row["adds_per_s"], default=None)
