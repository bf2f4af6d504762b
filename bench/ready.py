"""Conversions and builds, kept under .cache/bench: what an engine needs for a model, made once for each version of both."""
import hashlib, json, os, shutil
from cases import CACHE, ROOT, Case
from engines import Unsupported, engine


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def stamp(path):
    s = os.stat(path)
    return f"{os.path.abspath(path)} {s.st_size} {s.st_mtime_ns}"


def prepared(name, case, more=()):
    """What the engine's `prepare` returns, or {"unsupported": reason}. `more`: what else decides how it comes out."""
    code = stamp(os.path.join(ROOT, "bench", "engines", f"{name}.py"))
    folder = os.path.join(CACHE, name, f"{case.name}-{digest(stamp(case.path), code, engine(name).version(), *more)}")
    note = os.path.join(folder, "made.json")
    if not os.path.exists(note):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        try:
            made = engine(name).prepare(case, folder)
        except Unsupported as e:
            made = {"unsupported": str(e)}
        with open(note, "w") as f:
            json.dump(made, f)
    with open(note) as f:
        return json.load(f)


def saved(case):
    """Writes the case's arrays and names where processes that measure find them; returns the folder."""
    import numpy as np
    folder = os.path.join(CACHE, "cases", f"{case.name}-{digest(stamp(case.path))}")
    os.makedirs(folder, exist_ok=True)
    for kind in ("inputs", "expected"):
        for i, x in enumerate(getattr(case, kind)):
            np.save(os.path.join(folder, f"{kind}_{i}.npy"), x)
            np.ascontiguousarray(x).tofile(os.path.join(folder, f"{kind}_{i}.raw"))
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump({"path": case.path, "names": case.names, "results": case.results}, f)
    return folder


def restored(folder):
    """The case that `saved` wrote."""
    import numpy as np
    with open(os.path.join(folder, "case.json")) as f:
        facts = json.load(f)
    arrays = {kind: [np.load(os.path.join(folder, f"{kind}_{i}.npy")) for i in range(len(facts[key]))] for kind, key in (("inputs", "names"), ("expected", "results"))}
    return Case(facts["path"], facts["names"], arrays["inputs"], facts["results"], arrays["expected"])


def difference(found, expected):
    """The largest difference over the largest expected magnitude, of all outputs; shapes may differ in dimensions of 1."""
    import numpy as np
    most = 0.0
    for a, b in zip(found, expected, strict=True):
        a = np.asarray(a)
        if a.size != b.size:
            raise Unsupported(f"a result has {a.size} elements instead of {b.size}")
        far = np.abs(a.astype(np.float64).reshape(b.shape) - b).max() / max(float(np.abs(b).max()), 1e-30) if b.size else 0.0
        most = max(most, float(far) if np.isfinite(far) else float("inf"))
    return most
