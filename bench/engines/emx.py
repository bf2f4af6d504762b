"""emx-onnx-cgen: C without vectors, for the smallest models only; built with -O3 for this machine."""
import ctypes, os, shlex, subprocess, sys
from . import Unsupported

LARGEST, PATIENCE = 2 << 20, 60


class Engine:
    module, packages = "emx_onnx_cgen", ["emx-onnx-cgen"]

    @staticmethod
    def version():
        from importlib.metadata import version
        return version("emx-onnx-cgen")

    @staticmethod
    def prepare(case, folder):
        if os.path.getsize(case.path) > LARGEST:
            raise Unsupported("only models up to 2 MB")
        code = "import sys; from emx_onnx_cgen.cli import main; sys.exit(main())"
        try:
            r = subprocess.run([sys.executable, "-c", code, "compile", case.path, "model.c", "--model-name", "model"], cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise Unsupported(f"emx-onnx-cgen takes more than {PATIENCE} s") from None
        if r.returncode:
            raise Unsupported(f"emx-onnx-cgen: {(r.stderr or r.stdout).strip().splitlines()[-1:]}")
        cc = shlex.split(os.environ.get("CC", "cc"))
        subprocess.run([*cc, "-O3", "-march=native", "-ffast-math", "-fPIC", "-shared", "model.c", "-o", "model.so", "-lm"], cwd=folder, check=True)
        library, weights = os.path.join(folder, "model.so"), os.path.join(folder, "model.bin")
        return {"library": library, "weights": weights, "files": [f for f in (library, weights) if os.path.exists(f)]}

    def __init__(self, made, names, inputs, threads, expected):
        import numpy as np
        if threads != 1:
            raise Unsupported("one thread only")
        library = ctypes.CDLL(made["library"])
        if os.path.exists(made["weights"]):
            library.model_load.restype = ctypes.c_bool
            if not library.model_load(made["weights"].encode()):
                raise Unsupported("the weights do not load")
        self.call, self.results, self.held = library.model, [np.empty_like(e) for e in expected], list(inputs)
        self.call.restype = None
        self.arguments = [ctypes.c_void_p(x.ctypes.data) for x in self.held + self.results]

    def run(self):
        self.call(*self.arguments)

    def outputs(self):
        return self.results
