"""A virtual environment with the engines that models are compared with."""
import os, subprocess, sys, venv
from importlib.util import find_spec
from cases import CACHE
from engines import NAMES, engine

FOLDER = os.path.join(CACHE, "python")


def has(name):
    """Whether this Python has what the engine needs."""
    return find_spec(engine(name).module) is not None


def enter(here):
    """Goes on in the environment, which is made where it is not there; `here`: in this Python instead, with what it has."""
    if here or os.path.abspath(sys.prefix) == os.path.abspath(FOLDER):
        return
    python = os.path.join(FOLDER, "bin", "python")
    done = os.path.join(FOLDER, "installed")
    if not os.path.exists(done):
        venv.create(FOLDER, with_pip=True)
        packages = sorted({p for n in NAMES for p in engine(n).packages} | {"numpy", "onnx"})
        alone = sorted({p for n in NAMES for p in getattr(engine(n), "alone", [])})
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", *alone], check=True)
        open(done, "w").close()
    os.execv(python, [python, *sys.argv])
