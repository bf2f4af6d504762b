#!/usr/bin/env python3
"""Writes recorded/silero_vad_*.f32 for stream.test.ts: onnxruntime's answers to 100 chunks of sound() at each of two rates, or one, and the last states. Needs onnxruntime."""
import os
import numpy as np, onnxruntime as ort

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = os.path.join(HERE, "..", "..", ".cache", "models", "vad")


def sound(count):
    """A tone that comes and goes, and noise."""
    i = np.arange(count, dtype=np.int64)
    tone, noise = np.abs(i % 72 - 36) / 36 - 0.5, i * 40503 % 65536 / 32768 - 1
    return (np.where(i // 5000 % 2 == 1, tone, 0) + noise / 16).astype(np.float32)


for name, model, rates, size, states in [
    ("silero_vad_v5", "silero_vad_v5", (16000, 8000), 256, {"state": (2, 1, 128)}),
    ("silero_vad_v5_16000", "silero_vad_v5", (16000,), 512, {"state": (2, 1, 128)}),
    ("silero_vad_legacy", "silero_vad_legacy", (16000, 8000), 512, {"h": (2, 1, 64), "c": (2, 1, 64)}),
]:
    session, answers = ort.InferenceSession(os.path.join(MODELS, model + ".onnx"), providers=["CPUExecutionProvider"]), []
    for rate in rates:
        held = {k: np.zeros(shape, np.float32) for k, shape in states.items()}
        for chunk in sound(100 * size).reshape(100, 1, size):
            y, *after = session.run(None, {"input": chunk, "sr": np.array(rate), **held})
            held = dict(zip(held, after))
            answers.append(y.ravel())
        answers.extend(v.ravel() for v in after)
    np.concatenate(answers).astype("<f4").tofile(os.path.join(HERE, "recorded", name + ".f32"))
    print(name, min(a.min() for a in answers), max(a.max() for a in answers))
