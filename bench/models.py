#!/usr/bin/env python3
"""Compares compiled models with onnxruntime (and OpenVINO, if it is installed): one thread on one pinned core, same process.

    python3 bench/models.py [MODEL.onnx ...] [--filter PATTERN] [--isa LIST] [--seconds S] [--json FILE] [--markdown]

Without files: the networks of scripts/export-models.py, the OCR example's, and ../shared/models where they are there. A file
MODEL.onnx may have inputs beside it, MODEL.INPUT.npy; else they are made up. The engines take turns in short blocks. Columns: largest
difference to onnxruntime over its largest output; time of both (minimum, median); ratio (ours / onnxruntime, minimum and median);
arena over what no plan can beat; machine code; time of mlc and of the C++ compiler (-O2, as many processes as cores).
"""
import argparse, concurrent.futures, ctypes, fnmatch, glob, json, os, shlex, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OCR = os.path.join(ROOT, "examples", "ocr", "node_modules", "@gutenye", "ocr-models", "assets")
OPEN = {  # shapes of inputs that the file leaves open
    "ch_PP-OCRv4_det_infer": {"x": [1, 3, 480, 640]},
    "ch_ppocr_mobile_v2.0_cls_infer": {"x": [1, 3, 48, 192]},
    "ch_PP-OCRv4_rec_infer": {"x": [1, 3, 48, 320]},
}
CXX = "-std=c++17 -O2 -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden".split()


def strokes(shape, rng):
    """Dark strokes on a bright ground: pictures on which a text detector has something to find."""
    import numpy as np
    _, _, h, w = shape
    y, x = np.indices((h, w))
    dark = (y // 32 % 2 == 1) & (x >= 8) & (x < w - 8) & ((y // 4 * 31 + x // 6 * 17) * 40503 % 65536 < 30000)
    return np.where(dark, -1.5, 1.5) + rng.normal(0, 0.05, shape)


def inputs_of(path, session):
    """The model's inputs by name: recorded, or made from a fixed seed."""
    import numpy as np
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_}
    rng, stem = np.random.default_rng(7), os.path.splitext(path)[0]
    pinned = OPEN.get(os.path.basename(stem), {})
    made = {}
    for i in session.get_inputs():
        recorded = f"{stem}.{i.name}.npy"
        if os.path.exists(recorded):
            made[i.name] = np.load(recorded)
            continue
        shape = pinned.get(i.name) or [d if isinstance(d, int) else 1 for d in i.shape]
        real, image = i.type in ("tensor(float)", "tensor(double)"), len(shape) == 4 and shape[1] == 3
        made[i.name] = (strokes(shape, rng) if real and image else rng.normal(0, 1, shape) if real else rng.integers(0, 2, shape)).astype(kinds[i.type])
    return made


class OnnxRuntime:
    def __init__(self, path, threads):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def feed(self, inputs):
        import onnxruntime as ort
        self.binding = self.session.io_binding()
        for name, x in inputs.items():
            self.binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(x))
        for o in self.session.get_outputs():
            self.binding.bind_output(o.name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()


class OpenVino:
    def __init__(self, path, threads):
        import openvino as ov
        self.ov, self.core, self.path, self.threads = ov, ov.Core(), path, threads

    def feed(self, inputs):
        model = self.core.read_model(self.path)
        model.reshape({name: list(x.shape) for name, x in inputs.items()})
        compiled = self.core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": self.threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
        self.request = compiled.create_infer_request()
        for name, x in inputs.items():
            self.request.set_tensor(name, self.ov.Tensor(x))

    def run(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(len(self.request.model_outputs))]


class Compiled:
    """A model compiled by mlc into a shared library, called through its C interface."""

    def __init__(self, library, name, expected):
        import numpy as np
        self.library = ctypes.CDLL(library)
        self.call = getattr(self.library, name + "_run")
        self.text = getattr(self.library, name + "_error")
        self.text.restype = ctypes.c_char_p
        self.results = [np.empty_like(e) for e in expected]

    def feed(self, inputs):
        self.held = list(inputs.values())
        self.arguments = [ctypes.c_void_p(x.ctypes.data) for x in self.held + self.results]
        status = self.call(*self.arguments)
        if status:
            sys.exit(self.text(status).decode())

    def run(self):
        self.call(*self.arguments)

    def outputs(self):
        return self.results


def build(folder, files):
    """Compiles a generated package into a shared library; returns (path, seconds, bytes of machine code)."""
    start = time.perf_counter()
    sources = [f for f in files if f.endswith((".cpp", ".S"))]
    objects = [f + ".o" for f in sources] + [f for f in files if f.endswith(".o")]
    compiler = shlex.split(os.environ.get("CXX", "c++"))

    def one(f):
        subprocess.run(compiler + (CXX if f.endswith(".cpp") else ["-fPIC"]) + ["-c", f, "-o", f + ".o"], cwd=folder, check=True)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(one, sorted(sources, key=lambda f: -os.path.getsize(os.path.join(folder, f)))))
    subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-shared", "-o", "model.so", *objects, "-lm"], cwd=folder, check=True)
    seconds = time.perf_counter() - start
    sizes = subprocess.run(["size", "-A", *[f + ".o" for f in sources]], cwd=folder, check=True, capture_output=True, text=True).stdout
    text = sum(int(line.split()[1]) for line in sizes.splitlines() if line.startswith(".text"))
    return os.path.join(folder, "model.so"), seconds, text


def alternate(engines, seconds):
    """Times of single runs in ms for each engine: blocks in turn, until each has had `seconds`, five blocks at least."""
    def block(e, n):
        times = []
        for _ in range(n):
            start = time.perf_counter_ns()
            e.run()
            times.append((time.perf_counter_ns() - start) / 1e6)
        return times
    counts, found = {}, {name: [] for name in engines}
    for name, e in engines.items():
        counts[name] = max(1, int(150 / min(block(e, 2))))
    spent, rounds = 0.0, 0
    while rounds < 5 or spent < seconds * 1000 * len(engines):
        for name, e in engines.items():
            found[name] += block(e, counts[name])
        spent, rounds = sum(map(sum, found.values())), rounds + 1
    return found


def measure(path, args):
    import numpy as np
    stem = os.path.splitext(os.path.basename(path))[0]
    mlc = shlex.split(args.mlc)
    flags = [f for k, v in OPEN.get(stem, {}).items() for f in ("--shape", f"{k}={','.join(map(str, v))}")] + (["--isa", args.isa] if args.isa else [])
    with tempfile.TemporaryDirectory() as tmp:
        folder = os.path.join(tmp, "out")

        def command(*more):
            r = subprocess.run(mlc + [*more, path, "--name", "model", *flags, "--json"] + (["-o", folder] if more[0] == "compile" else []), capture_output=True, text=True)
            if r.returncode:
                sys.exit(r.stderr)
            return json.loads(r.stdout)
        start = time.perf_counter()
        made = command("compile")
        mlc_seconds = time.perf_counter() - start
        memory = command("inspect")["memory"]
        library, build_seconds, text = build(folder, [f["path"] for f in made["files"]])
        os.sched_setaffinity(0, {args.core if args.core is not None else max(os.sched_getaffinity(0))})
        engines = {"onnxruntime": OnnxRuntime(path, 1)}
        inputs = inputs_of(path, engines["onnxruntime"].session)
        engines["onnxruntime"].feed(inputs)
        engines["onnxruntime"].run()
        expected = engines["onnxruntime"].outputs()
        engines["mlc"] = Compiled(library, "model", expected)
        engines["mlc"].feed(inputs)
        if args.openvino:
            engines["openvino"] = OpenVino(path, 1)
            engines["openvino"].feed(inputs)
        error = max(float(np.abs(a.astype(np.float64) - b).max() / max(np.abs(b).max(), 1e-30)) if b.size else 0.0 for a, b in zip(engines["mlc"].outputs(), expected))
        times = alternate(engines, args.seconds)
    summary = {name: {"min_ms": min(t), "median_ms": float(np.median(t)), "runs": len(t)} for name, t in times.items()}
    ours, theirs = summary["mlc"], summary["onnxruntime"]
    return {
        "model": stem, "error": error, "engines": summary, "ratio_min": ours["min_ms"] / theirs["min_ms"], "ratio_median": ours["median_ms"] / theirs["median_ms"],
        "arena_bytes": memory["arena_bytes"], "lower_bound_bytes": memory["lower_bound_bytes"], "arena_ratio": memory["arena_bytes"] / max(1, memory["lower_bound_bytes"]),
        "text_bytes": text, "mlc_seconds": mlc_seconds, "build_seconds": build_seconds,
    }


def row(r):
    e = r["engines"]
    pair = lambda name: f"{e[name]['min_ms']:.3f} / {e[name]['median_ms']:.3f}" if name in e else ""
    cells = [r["model"], f"{r['error']:.1e}", pair("mlc"), pair("onnxruntime"), f"{r['ratio_min']:.2f} / {r['ratio_median']:.2f}",
             f"{r['arena_bytes'] / 1024:.0f} KB / {r['arena_ratio']:.3f}", f"{r['text_bytes'] / 1024:.0f} KB", f"{r['mlc_seconds']:.1f} s", f"{r['build_seconds']:.1f} s"]
    return cells + ([pair("openvino")] if "openvino" in e else [])


HEAD = ["model", "difference", "mlc ms", "onnxruntime ms", "ratio", "arena / bound", ".text", "mlc", "C++"]


def show(rows, markdown, openvino):
    head = HEAD + (["openvino ms"] if openvino else [])
    table = [head, *rows]
    widths = [max(len(r[i]) for r in table if i < len(r)) for i in range(len(head))]
    for n, r in enumerate(table):
        line = (" | " if markdown else "  ").join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths)))
        print(f"| {line} |" if markdown else line)
        if n == 0 and markdown:
            print("|" + "|".join("-" * (w + 2) for w in widths) + "|")


def names_of_models():
    """The files that are measured without any being named."""
    folders = [os.path.join(ROOT, ".cache", "models"), OCR, os.path.join(ROOT, "..", "shared", "models")]
    return [os.path.abspath(f) for folder in folders for f in sorted(glob.glob(os.path.join(folder, "*.onnx")))]


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("models", nargs="*")
    p.add_argument("--filter", default="*", help="pattern of model names, such as 'resnet*'")
    p.add_argument("--isa", help="instruction sets for mlc, separated by commas")
    p.add_argument("--seconds", type=float, default=2, help="measured time per engine and model")
    p.add_argument("--core", type=int, help="the core to run on; the last one without it")
    p.add_argument("--mlc", default=f"node {os.path.join(ROOT, 'dist', 'mlc.mjs')}", help="the command that runs mlc")
    p.add_argument("--openvino", action="store_true", help="measure OpenVINO too (pip install openvino)")
    p.add_argument("--json", help="write all figures to this file")
    p.add_argument("--markdown", action="store_true")
    p.add_argument("--one", help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.one:
        print(json.dumps(measure(args.one, args)))
        return
    found = args.models or names_of_models()
    found = [os.path.abspath(f) for f in found if fnmatch.fnmatch(os.path.splitext(os.path.basename(f))[0], args.filter)]
    if not found:
        sys.exit("no models: scripts/export-models.py makes them")
    results, failed = [], []
    for path in found:  # a process for each: memory and crashes stay there
        r = subprocess.run([sys.executable, os.path.abspath(__file__), *sys.argv[1:], "--one", path], stdout=subprocess.PIPE, text=True)
        if r.returncode:
            failed.append(os.path.basename(path))
            continue
        results.append(json.loads(r.stdout.splitlines()[-1]))
        print("  ".join(row(results[-1])), file=sys.stderr, flush=True)
    show([row(r) for r in results], args.markdown, args.openvino)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(results, f, indent=1)
    if failed:
        sys.exit("failed: " + " ".join(failed))


if __name__ == "__main__":
    main()
