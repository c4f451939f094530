"""One process that adds memories to a store of others, or looks up what is there. Its argument
tells it what to do; it answers on its standard output (see durability.py)."""
import itertools
import json
import os
import sys
import threading
import time

from . import data, stores

READY = "ready"


def main():
    task = json.loads(sys.argv[1])
    # Libraries write to standard output, too.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    rows = data.memories(task["data"], task["first"], task["end"])
    store = stores.ALL[task["kind"]](task["folder"])
    try:
        store.open(len(rows[0]["vector"]))
        adders = [store.adder() for _ in range(task.get("threads", 0))]
    except Exception as error:
        print(said(error, task), file=output)
        return
    print(READY, file=output, flush=True)
    if "threads" in task:
        answer = add(adders, rows, task, int(sys.stdin.readline()))
    elif "acknowledged" in task:
        answer = {"gone": gone(store, rows, task)}
    else:
        answer = {"loaded": store.load(rows)}
    store.close()
    json.dump(answer, output)
    output.close()


def add(adders, rows, task, start):
    """Every thread adds one memory after the other from the start on. Latencies are of what began
    after the warm-up; all that was acknowledged is told."""
    measured = start + int(task["warm_up"] * 1e9)
    end = measured + int(task["seconds"] * 1e9)
    next_number = itertools.count()
    writers = [{"latencies": [], "acknowledged": [], "errors": {}} for _ in adders]

    def write(adder, writer):
        time.sleep(max(0, start - time.monotonic_ns()) / 1e9)
        while (began := time.monotonic_ns()) < end:
            number = next(next_number) % len(rows)
            try:
                id = adder(rows[number])
            except Exception as error:
                text = said(error, task)
                writer["errors"][text] = writer["errors"].get(text, 0) + 1
                continue
            if began >= measured:
                writer["latencies"].append(time.monotonic_ns() - began)
            writer["acknowledged"].append([id, number + task["first"]])

    threads = [threading.Thread(target=write, args=each) for each in zip(adders, writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"writers": writers, "finished": time.monotonic_ns()}


def gone(store, rows, task):
    """How many of the memories that were acknowledged are not there, or not as they were."""
    with open(task["acknowledged"]) as file:
        return sum(store.text(id) != rows[number - task["first"]]["memory"]
                   for id, number in json.load(file))


def said(error, task):
    line = next(iter(str(error).splitlines()), "")
    return f"{type(error).__name__}: {line}".replace(task["folder"], "STORE")[:160]


if __name__ == "__main__":
    main()
