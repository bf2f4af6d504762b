"""OpenVINO: the model as ONNX, compiled for latency; inputs set once."""


class Engine:
    module, packages = "openvino", ["openvino"]

    @staticmethod
    def version():
        import openvino
        return openvino.__version__.split("-")[0]

    @staticmethod
    def prepare(case, folder):
        return {"model": case.path, "files": [case.path]}

    def __init__(self, made, names, inputs, threads, expected):
        import openvino as ov
        model = ov.Core().read_model(made["model"])
        model.reshape({name: list(x.shape) for name, x in zip(names, inputs)})
        # The process is pinned already: pinning by the library could only put threads elsewhere.
        options = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_PRECISION_HINT": "f32",
                   "ENABLE_HYPER_THREADING": False, "ENABLE_CPU_PINNING": False}
        self.request = ov.Core().compile_model(model, "CPU", options).create_infer_request()
        for name, x in zip(names, inputs):
            self.request.set_tensor(name, ov.Tensor(x))

    def run(self):
        self.request.infer()

    def outputs(self):
        return [self.request.get_output_tensor(i).data for i in range(len(self.request.model_outputs))]
