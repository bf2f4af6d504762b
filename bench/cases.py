"""The networks that are measured, and what goes into them."""
import fnmatch, glob, os
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CACHE = os.environ.get("MLC_BENCH_CACHE", os.path.join(ROOT, ".cache", "bench"))
MODELS = os.path.join(ROOT, ".cache", "models")
FOLDERS = [MODELS, os.path.join(ROOT, "examples", "ocr", "node_modules", "@gutenye", "ocr-models", "assets"), os.path.join(ROOT, "..", "shared", "models")]
OPEN = {  # shapes of inputs that the file leaves open
    "ch_PP-OCRv4_det_infer": {"x": [1, 3, 480, 640]},
    "ch_ppocr_mobile_v2.0_cls_infer": {"x": [1, 3, 48, 192]},
    "ch_PP-OCRv4_rec_infer": {"x": [1, 3, 48, 320]},
}


@dataclass
class Case:
    """A model file. `names` and `results`: of its inputs and outputs; `inputs` and `expected`: arrays, as onnxruntime wants and gives them."""
    path: str
    names: list = field(default_factory=list)
    inputs: list = field(default_factory=list)
    results: list = field(default_factory=list)
    expected: list = field(default_factory=list)

    @property
    def name(self):
        return os.path.splitext(os.path.basename(self.path))[0]

    @property
    def flags(self):
        """What pins the shapes that the file leaves open, for mlc."""
        return [f for k, v in OPEN.get(self.name, {}).items() for f in ("--shape", f"{k}={','.join(map(str, v))}")]


def strokes(shape, rng):
    """Dark strokes on a bright ground: pictures on which a text detector has something to find."""
    import numpy as np
    _, _, h, w = shape
    y, x = np.indices((h, w))
    dark = (y // 32 % 2 == 1) & (x >= 8) & (x < w - 8) & ((y // 4 * 31 + x // 6 * 17) * 40503 % 65536 < 30000)
    return np.where(dark, -1.5, 1.5) + rng.normal(0, 0.05, shape)


def inputs_of(path, session):
    """The model's inputs by name: recorded beside it as MODEL.INPUT.npy, or made from a fixed seed."""
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


def answered(path):
    """The case of a model file, with its inputs and what onnxruntime makes of them on one thread."""
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = inputs_of(path, session)
    return Case(path, list(inputs), list(inputs.values()), [o.name for o in session.get_outputs()], session.run(None, inputs))


def names_of_models():
    """The files that are measured without any being named."""
    return [os.path.abspath(f) for folder in FOLDERS for f in sorted(glob.glob(os.path.join(folder, "*.onnx")))]


def chosen(models, pattern):
    """The files named, or all, whose names without the ending match the pattern."""
    return [os.path.abspath(f) for f in models or names_of_models() if fnmatch.fnmatch(os.path.splitext(os.path.basename(f))[0], pattern)]
