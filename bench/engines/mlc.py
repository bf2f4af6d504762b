"""Ours: compiled by mlc, built as a shared library with -O2, called through its C interface."""
import concurrent.futures, ctypes, json, os, shlex, subprocess, time
from . import Unsupported

CXX = "-std=c++17 -O2 -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden".split()


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
    subprocess.run(shlex.split(os.environ.get("CC", "cc")) + ["-shared", "-s", "-o", "model.so", *objects, "-lm", "-lpthread"], cwd=folder, check=True)
    seconds = time.perf_counter() - start
    sizes = subprocess.run(["size", "-A", *[f + ".o" for f in sources]], cwd=folder, check=True, capture_output=True, text=True).stdout
    text = sum(int(line.split()[1]) for line in sizes.splitlines() if line.startswith(".text"))
    return os.path.join(folder, "model.so"), seconds, text


class Engine:
    module, packages = None, []
    command, flags = ["mlc"], []

    @classmethod
    def version(cls):
        return subprocess.run([*cls.command, "--version"], capture_output=True, text=True, check=True).stdout.strip()

    @classmethod
    def prepare(cls, case, folder):
        def mlc(*more):
            r = subprocess.run([*cls.command, more[0], case.path, "--name", "model", *case.flags, *cls.flags, "--json", *more[1:]], capture_output=True, text=True)
            if r.returncode:
                raise Unsupported(r.stderr.strip())
            return json.loads(r.stdout)
        start = time.perf_counter()
        made = mlc("compile", "-o", folder)
        seconds = time.perf_counter() - start
        facts = mlc("inspect")
        library, build_seconds, text = build(folder, [f["path"] for f in made["files"]])
        for path in (os.path.join(folder, f) for f in os.listdir(folder)):
            if os.path.isfile(path) and not path.endswith((".h", ".so")):
                os.remove(path)
        return {"library": library, "files": [library], "mlc_seconds": seconds, "build_seconds": build_seconds, "text_bytes": text,
                "weights_bytes": facts["weights_bytes"], "arena_bytes": facts["memory"]["arena_bytes"], "lower_bound_bytes": facts["memory"]["lower_bound_bytes"]}

    def __init__(self, made, names, inputs, threads, expected):
        import numpy as np
        self.library = ctypes.CDLL(made["library"])
        self.call = self.library.model_run
        self.results, self.held = [np.empty_like(e) for e in expected], list(inputs)
        if threads > 1:
            try:
                if self.library.model_set_threads(threads):
                    raise Unsupported(f"not made for {threads} threads")
            except AttributeError:
                raise Unsupported("compiled for one thread") from None
        self.arguments = [ctypes.c_void_p(x.ctypes.data) for x in self.held + self.results]
        status = self.call(*self.arguments)
        if status:
            self.library.model_error.restype = ctypes.c_char_p
            raise Unsupported(self.library.model_error(status).decode())

    def run(self):
        self.call(*self.arguments)

    def outputs(self):
        return self.results
