#!/usr/bin/env python3
"""Writes recorded/MODEL.f32: onnxruntime's answer to the input that picture() makes, for models.test.ts. Needs onnxruntime."""
import os
import numpy as np, onnxruntime as ort

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SHARED = os.path.join(ROOT, "..", "shared", "models")
OCR = os.path.join(ROOT, "examples", "ocr", "node_modules", "@gutenye", "ocr-models", "assets")
MODELS = [
    (SHARED, "mnist-pytorch", [1, 1, 28, 28]), (SHARED, "mnist-mxnet", [1, 1, 28, 28]), (SHARED, "pfld-lite", [1, 3, 96, 96]),
    (OCR, "ch_PP-OCRv4_det_infer", [1, 3, 64, 96]), (OCR, "ch_ppocr_mobile_v2.0_cls_infer", [1, 3, 48, 192]), (OCR, "ch_PP-OCRv4_rec_infer", [1, 3, 48, 32]),
]


def picture(shape):
    """Noise for single channels; else strokes of 6 x 4 pixels, dark or not, on a bright ground: something like a line of text."""
    _, c, h, w = shape
    k, y, x = np.indices((c, h, w))
    noise = ((k * h + y) * w + x) * 40503 % 65536 / 32768 - 1
    dark = (y >= h // 4) & (y < h - h // 4) & (x >= 8) & (x < w - 8) & ((y // 4 * 31 + x // 6 * 17) * 40503 % 65536 < 30000)
    return (noise if c == 1 else np.where(dark, -1.5, 1.5) + noise / 16).astype(np.float32).reshape(shape)


for folder, name, shape in MODELS:
    session = ort.InferenceSession(os.path.join(folder, name + ".onnx"), providers=["CPUExecutionProvider"])
    y = session.run(None, {session.get_inputs()[0].name: picture(shape)})
    assert len(y) == 1 and np.isfinite(y[0]).all()
    y[0].astype("<f4").tofile(os.path.join(HERE, "recorded", name + ".f32"))
    print(name, list(y[0].shape), float(y[0].min()), float(y[0].max()), float(y[0].std()))
