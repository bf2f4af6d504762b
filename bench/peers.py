#!/usr/bin/env python3
"""Compares compiled models with ONNX Runtime, OpenVINO, ncnn and MNN, and the smallest with emx-onnx-cgen: same machine, same process, in turns.

    python3 bench/peers.py [MODEL.onnx ...] [--filter PATTERN] [--threads 1,2] [--seconds S] [--starts N] [--json FILE] [--markdown]

Installs what it compares with into .cache/bench/python (`--here`: takes what this Python has) and exports the networks where they are missing.
Without files: the networks of scripts/export-models.py, the OCR example's, and ../shared/models where they are there. A file MODEL.onnx may
have inputs beside it, MODEL.INPUT.npy; else they are made up. docs/benchmarks.md says how it measures and what the columns mean.
"""
import argparse, json, math, os, shlex, subprocess, sys
import environment
from cases import MODELS, ROOT, answered, chosen
from engines import NAMES, engine

PEERS = [n for n in NAMES if n != "mlc"]
AGREES, ANSWERS = 1e-4, 1e-2


def speeds(case, folder, made, threads, args):
    """Times of all engines for a model; None where the process that measures fails."""
    cores = sorted(os.sched_getaffinity(0))[-threads:] if args.cores is None else args.cores[:threads]
    orders = json.dumps({"case": folder, "made": made, "threads": threads, "seconds": args.seconds, "cores": cores})
    r = subprocess.run([*args.wrap, sys.executable, os.path.join(ROOT, "bench", "alternate.py"), orders], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return json.loads(r.stdout.splitlines()[-1]) if r.returncode == 0 else None


def measure(path, args):
    """All that is known of a model after measuring it."""
    import first
    from ready import prepared, saved, stamp
    case = answered(path)
    folder = saved(case)
    own = [stamp(f) for f in args.mlc if os.path.exists(f)] + engine("mlc").flags
    made = {n: prepared(n, case, own if n == "mlc" else ()) for n in args.engines}
    result = {"model": case.name, "engines": {n: {} for n in args.engines}, "speeds": {}}
    for n in args.engines:
        found = result["engines"][n]
        if "unsupported" not in made[n]:
            starts = [first.first(n, made[n], case, folder, args.wrap, max(os.sched_getaffinity(0))) for _ in range(max(1, args.starts))]
            found |= min(starts, key=lambda s: s.get("first_ms", math.inf))
        else:
            found["unsupported"] = made[n]["unsupported"]
    result["own"] = {k: v for k, v in made.get("mlc", {}).items() if k not in ("library", "files")}
    ready = {n: made[n] for n in args.engines if "unsupported" not in result["engines"][n]}
    for threads in args.threads:
        result["speeds"][str(threads)] = speeds(case, folder, ready, threads, args) or {}
    return result


def ratios(speed):
    """The best peer's time over ours, minimum and median, and its name; None without ours. Peers whose result is none do not count."""
    ours = speed.get("mlc", {})
    valid = {n: s for n, s in speed.items() if n in PEERS and "min_ms" in s and s["difference"] <= ANSWERS}
    if "min_ms" not in ours or not valid:
        return None
    best = {k: min(s[k] for s in valid.values()) / ours[k] for k in ("min_ms", "median_ms")}
    return best["min_ms"], best["median_ms"], min(valid, key=lambda n: valid[n]["min_ms"])


def mean(values):
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def time_cell(s):
    if "min_ms" not in s:
        return "-"
    far = s.get("difference", 0)
    mark = "" if far <= AGREES else f" ({far:.0e})" if far <= ANSWERS else " (wrong)"
    return f"{s['min_ms']:.3g} / {s['median_ms']:.3g}{mark}" if s["min_ms"] < 100 else f"{s['min_ms']:.0f} / {s['median_ms']:.0f}{mark}"


def speed_table(results, threads, engines):
    rows, found = [["model", "error", *[f"{n} ms" for n in engines], "best / ours", "best"]], []
    for r in results:
        speed = r["speeds"].get(str(threads), {})
        ratio = ratios(speed)
        if ratio:
            found.append(ratio)
        error = speed.get("mlc", {}).get("difference")
        rows.append([r["model"], "-" if error is None else f"{error:.0e}", *[time_cell(speed.get(n, {})) for n in engines],
                     f"{ratio[0]:.2f} / {ratio[1]:.2f}" if ratio else "-", ratio[2] if ratio else "-"])
    rows.append(["geometric mean", "", *[""] * len(engines), f"{mean([x[0] for x in found]):.3f} / {mean([x[1] for x in found]):.3f}", f"{sum(x[0] > 1 for x in found)} of {len(found)}"])
    return rows


def first_table(results, engines):
    rows = [["model", *engines, "first / warm"]]
    for r in results:
        cells = [[" / ".join(f"{x[k] / by:.1f}" for k, by in (("first_ms", 1), ("rss_kb", 1024), ("disk_bytes", 1 << 20))) if "first_ms" in (x := r["engines"].get(n, {})) else "-" for n in engines]]
        ours, warm = r["engines"].get("mlc", {}).get("first_ms"), r["speeds"].get("1", {}).get("mlc", {}).get("median_ms")
        rows.append([r["model"], *sum(cells, []), f"{ours / warm:.2f}" if ours and warm else "-"])
    return rows


def own_table(results):
    rows = [["model", "arena KB / bound", "weights MB", "arena + weights MB", "peak MB", ".text KB", "mlc s", "C++ s"]]
    for r in results:
        o, rss = r["own"], r["engines"].get("mlc", {}).get("rss_kb", 0)
        if "arena_bytes" in o:
            rows.append([r["model"], f"{o['arena_bytes'] / 1024:.0f} / {o['arena_bytes'] / max(1, o['lower_bound_bytes']):.3f}", f"{o['weights_bytes'] / 2**20:.1f}",
                         f"{(o['weights_bytes'] + o['arena_bytes']) / 2**20:.1f}", f"{rss / 1024:.1f}", f"{o['text_bytes'] / 1024:.0f}", f"{o['mlc_seconds']:.1f}", f"{o['build_seconds']:.1f}"])
    return rows


def show(title, table, markdown):
    widths = [max(len(r[i]) for r in table) for i in range(len(table[0]))]
    print(f"\n{title}\n")
    for n, r in enumerate(table):
        line = (" | " if markdown else "  ").join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths)))
        print(f"| {line} |" if markdown else line)
        if n == 0 and markdown:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def processor():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":")[1].strip() for line in f if line.startswith("model name")), "unknown")


def report(results, args):
    versions = ", ".join(f"{n} {engine(n).version()}" for n in args.engines)
    print(f"{processor()}, {os.cpu_count()} cores; {versions}")
    for threads in args.threads:
        show(f"{threads} thread{'s' if threads > 1 else ''}: minimum / median, ms", speed_table(results, threads, args.engines), args.markdown)
    show("Start to first result, ms / peak of resident memory, MB / size on disk, MB", first_table(results, args.engines), args.markdown)
    if "mlc" in args.engines:
        show("Ours", own_table(results), args.markdown)
    reasons = [f"{r['model']}, {n}: {why}" for r in results for n in args.engines for why in [r["engines"][n].get("unsupported")] if why and n != "emx"]
    print("\nNot measured:\n" + "\n".join(reasons) if reasons else "")


def numbers(text):
    return [int(x) for x in text.split(",")]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("models", nargs="*")
    p.add_argument("--filter", default="*", help="pattern of model names, such as 'resnet*'")
    p.add_argument("--threads", type=numbers, default=[1], help="counts of threads, such as 1,2; each is pinned to as many cores")
    p.add_argument("--engines", type=lambda s: s.split(","), default=NAMES, help="of " + ",".join(NAMES))
    p.add_argument("--seconds", type=float, default=2, help="measured time per engine, model and count of threads")
    p.add_argument("--starts", type=int, default=3, help="processes to measure the first result with")
    p.add_argument("--cores", type=numbers, help="the cores to run on, such as 2,3; the last ones without it")
    p.add_argument("--isa", help="instruction sets for mlc, separated by commas")
    p.add_argument("--mlc", type=shlex.split, default=["node", os.path.join(ROOT, "dist", "mlc.mjs")], help="the command that runs mlc")
    p.add_argument("--mlc-flags", type=shlex.split, default=[], help="more options for mlc, in one argument")
    p.add_argument("--wrap", type=shlex.split, default=[], help="a command that each process that measures is started with, such as 'nice -n -10'")
    p.add_argument("--here", action="store_true", help="use this Python's packages; what is missing is left out")
    p.add_argument("--json", help="write all figures to this file")
    p.add_argument("--markdown", action="store_true")
    args = p.parse_args()
    environment.enter(args.here)
    args.engines = [n for n in args.engines if n == "mlc" or environment.has(n)]
    engine("mlc").command = args.mlc
    engine("mlc").flags = args.mlc_flags + (["--isa", args.isa] if args.isa else []) + (["--threads", str(max(args.threads))] if max(args.threads) > 1 else [])
    if not args.models and not os.path.isdir(MODELS):
        subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "export-models.py")], check=True)
    results = []
    for path in chosen(args.models, args.filter):
        results.append(measure(path, args))
        for threads in args.threads:
            print("  ".join(speed_table(results[-1:], threads, args.engines)[1]), file=sys.stderr, flush=True)
        if args.json:
            with open(args.json, "w") as f:
                json.dump(results, f, indent=1)
    if not results:
        sys.exit("no models: scripts/export-models.py makes them")
    report(results, args)


if __name__ == "__main__":
    main()
