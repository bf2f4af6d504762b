"""ncnn: converted by pnnx without half precision; packing, sgemm and Winograd on; inputs are numpy's memory."""
import os, re, shutil, subprocess
from importlib.util import find_spec
from . import Unsupported

KINDS = {"float32": "f32", "float64": "f64", "int64": "i64", "int32": "i32", "uint8": "u8", "bool": "bool"}


class Engine:
    # pnnx wants torch only for its Python interface; the program in it stands alone.
    module, packages, alone = "ncnn", ["ncnn"], ["pnnx"]

    @staticmethod
    def version():
        import ncnn
        return ncnn.__version__

    @staticmethod
    def prepare(case, folder):
        program = os.path.join(find_spec("pnnx").submodule_search_locations[0], "pnnx")
        shutil.copy(case.path, os.path.join(folder, "model.onnx"))  # pnnx writes beside it
        shapes = ",".join(f"[{','.join(map(str, x.shape))}]{KINDS[str(x.dtype)]}" for x in case.inputs)
        r = subprocess.run([program, "model.onnx", f"inputshape={shapes}", "fp16=0"], cwd=folder, capture_output=True, text=True, timeout=600)
        param, weights = os.path.join(folder, "model.ncnn.param"), os.path.join(folder, "model.ncnn.bin")
        # Tensors have no batch dimension there; the example that pnnx writes says which dimension of an input that was.
        example = os.path.join(folder, "model_ncnn.py")
        batch = {int(i): int(d) for i, d in re.findall(r'"in(\d+)", ncnn\.Mat\(.*batch_index=(\d+)', open(example).read())} if os.path.exists(example) else {}
        for f in os.listdir(folder):
            if f not in ("model.ncnn.param", "model.ncnn.bin"):
                os.remove(os.path.join(folder, f))
        if not os.path.exists(param):
            raise Unsupported(f"pnnx: {(r.stderr or r.stdout).strip().splitlines()[-1:]}")
        layers = {line.split()[0] for line in open(param).read().splitlines()[2:]}
        strange = sorted(l for l in layers if "::" in l or l.startswith(("pnnx.", "aten", "torch.", "nn.", "F.", "Tensor.")))
        if strange:
            raise Unsupported(f"ncnn has no {', '.join(strange)}")
        return {"param": param, "weights": weights, "batch": [batch.get(i) for i in range(len(case.inputs))], "files": [param, weights]}

    def __init__(self, made, names, inputs, threads, expected):
        import ncnn
        self.net = ncnn.Net()
        o = self.net.opt
        o.num_threads = threads
        o.use_vulkan_compute = False
        o.use_packing_layout = o.use_sgemm_convolution = o.use_winograd_convolution = True
        o.use_fp16_packed = o.use_fp16_storage = o.use_fp16_arithmetic = o.use_bf16_storage = o.use_bf16_packed = False
        self.pools = ncnn.UnlockedPoolAllocator(), ncnn.PoolAllocator()
        o.blob_allocator, o.workspace_allocator = self.pools
        if self.net.load_param(made["param"]) or self.net.load_model(made["weights"]):
            raise Unsupported("ncnn does not load what pnnx made")
        self.held = list(inputs)
        self.mats = [ncnn.Mat(x) if b is None else ncnn.Mat(x, batch_index=b) for x, b in zip(self.held, made["batch"])]
        self.count, self.found = len(expected), []

    def run(self):
        extractor = self.net.create_extractor()
        for i, m in enumerate(self.mats):
            extractor.input(f"in{i}", m)
        self.found = [extractor.extract(f"out{i}") for i in range(self.count)]

    def outputs(self):
        import numpy as np
        if any(status for status, _ in self.found):
            raise Unsupported("ncnn fails to run it")
        return [np.array(m) for _, m in self.found]
