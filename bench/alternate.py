"""Times engines in one process, in turns: started by peers.py, for one model. Reads its orders as JSON, prints times as JSON."""
import json, os, sys, time


def alternate(engines, seconds):
    """Times of single runs in ms for each engine: blocks in turn, until each has had `seconds`, five blocks at least. The first run of a block is not counted."""
    def block(e, n):
        e.run()
        times = []
        for _ in range(n):
            start = time.perf_counter_ns()
            e.run()
            times.append((time.perf_counter_ns() - start) / 1e6)
        return times
    counts, found = {name: max(1, int(150 / min(block(e, 2)))) for name, e in engines.items()}, {name: [] for name in engines}
    spent, rounds = 0.0, 0
    while rounds < 5 or spent < seconds * 1000 * len(engines):
        for name, e in engines.items():
            found[name] += block(e, counts[name])
            if len(os.sched_getaffinity(0)) > 1:
                time.sleep(0.03)  # threads of some engines spin for a while after their work
        spent, rounds = sum(map(sum, found.values())), rounds + 1
    return found


def main():
    orders = json.loads(sys.argv[1])
    os.sched_setaffinity(0, set(orders["cores"]))
    from engines import Unsupported, engine
    from ready import difference, restored
    import numpy as np
    case, engines, answer = restored(orders["case"]), {}, {}
    for name, made in orders["made"].items():
        try:
            engines[name] = engine(name)(made, case.names, case.inputs, orders["threads"], case.expected)
            engines[name].run()
            answer[name] = {"difference": difference(engines[name].outputs(), case.expected)}
        except Unsupported as e:
            engines.pop(name, None)
            answer[name] = {"unsupported": str(e)}
    for name, t in alternate(engines, orders["seconds"]).items():
        answer[name] |= {"min_ms": min(t), "median_ms": float(np.median(t)), "runs": len(t)}
    # Libraries print what they like on stdout.
    print("\n" + json.dumps(answer), flush=True)
    os._exit(0)


main()
