"""ONNX Runtime: all optimisations, inputs bound once."""


class Engine:
    module, packages = "onnxruntime", ["onnxruntime"]

    @staticmethod
    def version():
        import onnxruntime
        return onnxruntime.__version__

    @staticmethod
    def prepare(case, folder):
        return {"model": case.path, "files": [case.path]}

    def __init__(self, made, names, inputs, threads, expected):
        import onnxruntime as ort
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.session = ort.InferenceSession(made["model"], options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        for name, x in zip(names, inputs):
            self.binding.bind_ortvalue_input(name, ort.OrtValue.ortvalue_from_numpy(x))
        for o in self.session.get_outputs():
            self.binding.bind_output(o.name)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        return self.binding.copy_outputs_to_cpu()
