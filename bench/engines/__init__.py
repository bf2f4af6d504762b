"""
What can run a model, one file each. An engine is a class with

    packages      names on PyPI; `module` is what is imported of them, and needs no torch where pip would want it
    version()     of what is installed
    prepare(case, folder)            converts or builds, into an empty folder; returns what `__init__` gets as `made`, ready for JSON,
                                     with "files": what must be on disk beside the libraries. Raises Unsupported with the reason
    __init__(made, names, inputs, threads, expected)   loads and is ready to run; `expected` tells shapes and types of results
    run()         once, from the inputs to the results
    outputs()     of the last run, in the model's order

Conversions are no part of what is measured. All compute in float32.
"""
import importlib

NAMES = ["mlc", "onnxruntime", "openvino", "ncnn", "mnn", "emx"]


class Unsupported(Exception):
    """The engine cannot do this model; the text says why."""


def engine(name):
    """The class of an engine; its packages are imported only when it is made."""
    return importlib.import_module(f"engines.{name}").Engine
