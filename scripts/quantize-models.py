#!/usr/bin/env python3
"""Quantises networks to 8 bits with ONNX Runtime's tools, for bench/peers.py: what a user of these tools would have.

    python3 scripts/quantize-models.py [MODEL.onnx ...] [--out .cache/models/quantised] [--forms qdq,qoperator,dynamic]

qdq: unsigned activations, signed weights of each channel, QuantizeLinear and DequantizeLinear around floats; qoperator: one scale for each tensor,
QLinearConv and QLinearMatMul; dynamic: only the weights of products, scales of activations found by each run. Each MODEL becomes MODEL.FORM.onnx with
MODEL.FORM.INPUT.npy, the float model's input, which is also what the ranges of activations are calibrated with. Without files: three networks of .cache/models.
"""
import argparse, os, shutil, tempfile
import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODELS = os.path.join(ROOT, ".cache", "models")
DEFAULT = ["mobilenet_v2", "resnet18", "resnet50"]


class Once(CalibrationDataReader):
    """One input of the network."""
    def __init__(self, feeds):
        self.feeds = [feeds]

    def get_next(self):
        return self.feeds.pop() if self.feeds else None


def feeds_of(path):
    """The inputs that lie beside a model."""
    graph = onnx.load(path, load_external_data=False).graph
    constants = {t.name for t in graph.initializer}
    return {i.name: np.load(f"{path[:-5]}.{i.name}.npy") for i in graph.input if i.name not in constants}


def quantise(path, out, form):
    """Writes one network in one form; its path."""
    feeds, made = feeds_of(path), os.path.join(out, f"{os.path.basename(path)[:-5]}.{form}.onnx")
    with tempfile.TemporaryDirectory() as folder:
        ready = os.path.join(folder, "ready.onnx")
        quant_pre_process(path, ready, skip_symbolic_shape=True)
        if form == "dynamic":
            quantize_dynamic(ready, made, weight_type=QuantType.QInt8)
        else:
            quantize_static(
                ready, made, Once(feeds), quant_format=QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator,
                per_channel=form == "qdq", activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8)
    for name in feeds:
        shutil.copyfile(f"{path[:-5]}.{name}.npy", f"{made[:-5]}.{name}.npy")
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL.onnx")
    parser.add_argument("--out", default=os.path.join(MODELS, "quantised"))
    parser.add_argument("--forms", default="qdq,qoperator")
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    for path in args.models or [os.path.join(MODELS, f"{n}.onnx") for n in DEFAULT]:
        for form in args.forms.split(","):
            print(quantise(path, args.out, form))


if __name__ == "__main__":
    main()
