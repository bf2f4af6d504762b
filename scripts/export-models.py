#!/usr/bin/env python3
"""Writes the networks that bench/ measures: torchvision's and those of networks.py and lstm.py, with random but sane weights, opset 13.

    python3 scripts/export-models.py [--out .cache/models] [--only PATTERN]

Each network NAME becomes NAME.onnx, NAME.input.npy (image-like noise, normalised as for ImageNet; signals for lstm) and NAME.output.npy
(onnxruntime's answer, one thread). Needs torch 1.13+ and torchvision (Debian: python3-torch, python3-torchvision) to
export (onnx for lstm) and onnxruntime for the answers; where one interpreter lacks torch, the script exports with /usr/bin/python3.
"""
import argparse, fnmatch, importlib.util, os, subprocess, sys
import numpy as np
import lstm

SIZES = {
    "mobilenet_v2": 224, "mobilenet_v3_small": 224, "mobilenet_v3_large": 224, "resnet18": 224, "resnet50": 224,
    "squeezenet1_1": 224, "shufflenet_v2_x1_0": 224, "efficientnet_b0": 224, "densenet121": 224, "regnet_x_400mf": 224,
    "regnet_y_400mf": 224, "inception_v3": 299, "convnext_tiny": 224, "vit_b_16": 224, "vgg16": 224,
    "mobilenet_v1": 224, "blazeface": 128, "lstm": None,
}
DEBIAN = "/usr/bin/python3"


def picture(size, seed, count=1):
    """Smooth blobs and a little noise, normalised: (count, 3, size, size) float32."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((count, 3, 9, 9))
    at = np.linspace(0, 8, size)
    low = np.minimum(at.astype(int), 7)
    part = at - low
    rows = coarse[:, :, low] * (1 - part)[:, None] + coarse[:, :, low + 1] * part[:, None]
    smooth = rows[..., low] * (1 - part) + rows[..., low + 1] * part
    image = np.clip(smooth + rng.normal(0, 0.08, smooth.shape), 0, 1)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    return ((image - mean[:, None, None]) / std[:, None, None]).astype(np.float32)


def randomise(model, size):
    """Weights stay as initialised; what is constant (biases, scales) gets noise, and BatchNormalization real statistics."""
    import torch
    from torch import nn
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith("layer_scale"):
                p.uniform_(0.1, 0.9)
            elif p.numel() > 1 and bool((p == p.flatten()[0]).all()):
                if p.flatten()[0] == 1:
                    p.uniform_(0.6, 1.4)
                elif p.dim() > 1:
                    p.normal_(0, 0.05)
                else:
                    p.uniform_(-0.2, 0.2)
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        for m in norms:
            m.momentum = None
            m.train()
        if norms:
            for seed in (11, 12):
                model(torch.from_numpy(picture(size, seed, 2)))
        for m in norms:
            m.eval()
            deviation = m.running_var.sqrt()
            m.running_mean += deviation * torch.empty_like(deviation).normal_(0, 0.1)
            m.running_var *= torch.empty_like(deviation).uniform_(0.8, 1.3)


def export(name, size, path):
    import networks, torch, torchvision, warnings
    warnings.filterwarnings("ignore")
    torch.manual_seed(sum(map(ord, name)))
    options = {"aux_logits": True, "init_weights": True} if name == "inception_v3" else {}
    own = getattr(networks, name, None)
    model = (own() if own else getattr(torchvision.models, name)(weights=None, **options)).eval()
    randomise(model, size)
    # PRESERVE keeps BatchNormalization nodes in the file: the exporter would fold them otherwise.
    torch.onnx.export(model, torch.from_numpy(picture(size, 1)), path + ".part", opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE, input_names=["input"], output_names=["output"])
    os.replace(path + ".part", path)


def reference(path, size):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    x = picture(size, 1) if size else lstm.sequence(1)
    y = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, {"input": x})[0]
    if not np.isfinite(y).all() or y.std() < 1e-3 * np.abs(y).max():
        raise SystemExit(f"{path}: degenerate output (std {y.std():g}, largest {np.abs(y).max():g})")
    np.save(path[:-5] + ".input.npy", x)
    np.save(path[:-5] + ".output.npy", y)
    return y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default=os.path.join(os.path.dirname(__file__), "..", ".cache", "models"))
    parser.add_argument("--only", default="*", help="pattern of names, such as 'resnet*'")
    parser.add_argument("--export", action="store_true", help="no reference outputs")
    args = parser.parse_args()
    out = os.path.abspath(args.out)
    os.makedirs(out, exist_ok=True)
    names = [n for n in SIZES if fnmatch.fnmatch(n, args.only)]
    have = {m: importlib.util.find_spec(m) is not None for m in ("torch", "torchvision", "onnxruntime")}
    for name in names:
        path = os.path.join(out, name + ".onnx")
        if not os.path.exists(path):
            if SIZES[name] is None:
                lstm.write(path)
            elif have["torch"] and have["torchvision"]:
                export(name, SIZES[name], path)
            else:
                subprocess.run([DEBIAN, os.path.abspath(__file__), "--export", "--out", out, "--only", name], check=True)
        if not args.export and have["onnxruntime"]:
            y = reference(path, SIZES[name])
            print(f"{name}: {os.path.getsize(path) / 1e6:.1f} MB, output {list(y.shape)} mean {y.mean():.4f} std {y.std():.4f}", flush=True)
    if not args.export and not have["onnxruntime"]:
        sys.exit("onnxruntime is missing: the models have no reference outputs")


main()
