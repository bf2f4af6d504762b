#!/usr/bin/env python3
"""Writes recorded/open-MODEL.f32: what onnxruntime answers at each of the sizes of open.json, in brief, for open.test.ts. Needs onnxruntime."""
import json, os
import numpy as np, onnxruntime as ort

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")


def picture(shape):
    """As in record.py: strokes on a bright ground, for each image of a batch the same; noise for single channels."""
    _, c, h, w = shape
    _, k, y, x = np.indices(shape)
    noise = ((k * h + y) * w + x) * 40503 % 65536 / 32768 - 1
    dark = (y >= h // 4) & (y < h - h // 4) & (x >= 8) & (x < w - 8) & ((y // 4 * 31 + x // 6 * 17) * 40503 % 65536 < 30000)
    return (noise if c == 1 else np.where(dark, -1.5, 1.5) + noise / 16).astype(np.float32)


def value(name, shape):
    """Words; a mask that leaves out some, but no first one; or pictures."""
    i = np.arange(int(np.prod(shape))).reshape(shape)
    if name == "ids":
        return i * 7919 % 50
    return ((i % shape[1] == 0) | (i % 3 > 0)).astype(np.int64) if name == "mask" else picture(shape)


def brief(y, how):
    """Of classes, which is the likeliest and how likely it is; else at most 2000 elements, evenly apart."""
    if how == "classes":
        return np.stack([y.argmax(-1), y.max(-1)], -1).ravel()
    return y.ravel()[:: -(-y.size // 2000)]


for m in json.load(open(os.path.join(HERE, "open.json"))):
    session = ort.InferenceSession(os.path.join(ROOT, m["file"]), providers=["CPUExecutionProvider"])
    answers = []
    for sizes in m["sizes"]:
        feeds = {k: value(k, [sizes.get(d, d) if isinstance(d, str) else d for d in shape]) for k, shape in m["inputs"].items()}
        answers += [brief(y, m["brief"]) for y in session.run(None, feeds)]
    np.concatenate(answers).astype("<f4").tofile(os.path.join(HERE, "recorded", f"open-{m['name']}.f32"))
    print(m["name"], sum(a.size for a in answers))
