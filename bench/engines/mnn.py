"""MNN: converted by its own converter; its inputs lie in layouts of its own, so the copies in and out belong to a run."""
import os, subprocess, sys
from . import Unsupported


class Engine:
    module, packages = "MNN", ["MNN"]

    @staticmethod
    def version():
        import MNN
        return MNN.version()

    @staticmethod
    def prepare(case, folder):
        to = os.path.join(folder, "model.mnn")
        # The module below the command: the command itself reports each conversion over the network.
        code = "import sys, MNN, _tools; _tools.mnnconvert(sys.argv)"
        for more in ([], ["--useOriginRNNImpl"]):  # the second for recurrent networks that cannot become loops
            command = [sys.executable, "-c", code, "-f", "ONNX", "--modelFile", case.path, "--MNNModel", to, "--bizCode", "bench", *more]
            r = subprocess.run(command, capture_output=True, text=True, timeout=600)
            if os.path.exists(to):
                break
        if not os.path.exists(to):
            raise Unsupported(f"mnnconvert: {(r.stdout + r.stderr).strip().splitlines()[-1:]}")
        return {"model": to, "files": [to], "results": case.results}

    def __init__(self, made, names, inputs, threads, expected):
        import MNN
        self.net = MNN.Interpreter(made["model"])
        self.session = self.net.createSession({"backend": "CPU", "numThread": threads, "precision": "high", "memory": "normal", "power": "normal"})
        types = {"float32": MNN.Halide_Type_Float, "int32": MNN.Halide_Type_Int, "int64": MNN.Halide_Type_Int64, "uint8": MNN.Halide_Type_Uint8}
        host = lambda x: MNN.Tensor(x.shape or (1,), types[str(x.dtype)], x, MNN.Tensor_DimensionType_Caffe)
        self.inputs, self.held = [], list(inputs)
        for name, x in zip(names, inputs):
            there = self.net.getSessionInput(self.session, name)
            if tuple(there.getShape()) != x.shape:
                self.net.resizeTensor(there, x.shape)
            self.inputs.append((there, host(x)))
        self.net.resizeSession(self.session)
        found = self.net.getSessionOutputAll(self.session)
        if len(found) != len(expected):
            raise Unsupported(f"MNN has {len(found)} outputs instead of {len(expected)}")
        self.outs = [(found[name], host(e)) for name, e in zip(made["results"] if len(found) > 1 else found, expected)]

    def run(self):
        for there, host in self.inputs:
            there.copyFrom(host)
        self.net.runSession(self.session)
        for there, host in self.outs:
            there.copyToHostTensor(host)

    def outputs(self):
        return [host.getNumpyData() for _, host in self.outs]
