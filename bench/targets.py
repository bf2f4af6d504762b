#!/usr/bin/env python3
"""Runs models through every target on this machine's devices and compares with onnxruntime.

    python3 bench/targets.py [MODEL.onnx ...] [--target LIST] [--filter PATTERN] [--bench] [--json FILE] [--markdown]

Without files, those of bench/peers.py. Columns: largest difference to onnxruntime over its largest output (at most 1e-4, or the program
ends with 1); size of the emitted files; with --bench, times of `mlc bench` in ms: start without and with a cache of built kernels
where the target has one, and the median run.
"""
import argparse, json, os, subprocess, sys, tempfile
import numpy as np
from cases import ROOT, answered, chosen

MLC = ["node", os.path.join(ROOT, "dist", "mlc.mjs")]
MOST = 1e-4


def mlc(*argv):
    r = subprocess.run([*MLC, *argv], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(r.stderr.strip())
    return r.stdout


def measure(case, target, bench):
    path, flags = case.path, ["--target", target, *case.flags]
    with tempfile.TemporaryDirectory() as folder:
        given = []
        for i, (name, value) in enumerate(zip(case.names, case.inputs)):
            np.save(os.path.join(folder, f"{i}.npy"), value)
            given += ["--input", f"{name}={folder}/{i}.npy"]
        made = json.loads(mlc("run", path, *flags, *given, "--output-dir", os.path.join(folder, "out"), "--json"))
        got = [np.load(o["file"]) for o in made["outputs"]]
        compiled = json.loads(mlc("compile", path, *flags, "-o", os.path.join(folder, "package"), "--json"))
    far = max(float(np.max(np.abs(a.astype(np.float64) - b))) / max(float(np.max(np.abs(b))), 1e-30) for a, b in zip(got, case.expected))
    row = {"model": case.name, "target": target, "difference": far, "bytes": sum(f["bytes"] for f in compiled["files"])}
    if bench:
        x = json.loads(mlc("bench", path, *flags, "--json"))
        row |= {"cold_ms": x.get("init_cold_ms"), "warm_ms": x.get("init_warm_ms"), "start_ms": x["init_ms"], "median_ms": x["median_ms"], "device": x.get("device", "")}
    return row


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("models", nargs="*")
    p.add_argument("--target", default="cpp,opencl,webgpu")
    p.add_argument("--filter", default="*")
    p.add_argument("--bench", action="store_true")
    p.add_argument("--json")
    p.add_argument("--markdown", action="store_true")
    args = p.parse_args()
    rows, bad = [], 0
    for path in chosen(args.models, f"*{args.filter}*"):
        case = answered(path)
        for target in args.target.split(","):
            try:
                row = measure(case, target, args.bench)
            except RuntimeError as e:
                row = {"model": os.path.basename(path), "target": target, "error": str(e)}
            bad += not row.get("difference", 1) <= MOST
            rows.append(row)
            show = " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
            print(f"| {show} |" if args.markdown else show, flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
