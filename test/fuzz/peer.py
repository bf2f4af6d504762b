"""python3 peer.py LIST: runs the models that LIST, a JSON file, names by onnxruntime.

LIST: [{"model": file, "runs": [{"inputs": [{"name", "dtype", "shape", "at"}], "data": file, "outputs": file}]}]. A line of JSON on stdout for
each model: {"runs": [[{"dtype", "shape"} of each output]]}, or {"problem": why}. Elements lie in files one behind the other.
"""
import json
import sys

import numpy
import onnxruntime

onnxruntime.set_default_logger_severity(4)
options = onnxruntime.SessionOptions()
# What a model means, not what optimisers make of it.
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
options.intra_op_num_threads = options.inter_op_num_threads = 1


def run(session, one):
    with open(one["data"], "rb") as f:
        data = f.read()
    feeds = {}
    for i in one["inputs"]:
        count = int(numpy.prod(i["shape"], dtype=numpy.int64))
        feeds[i["name"]] = numpy.frombuffer(data, i["dtype"], count, i["at"]).reshape(i["shape"])
    outputs = session.run(None, feeds)
    with open(one["outputs"], "wb") as f:
        for o in outputs:
            f.write(numpy.ascontiguousarray(o).tobytes())
    return [{"dtype": o.dtype.name, "shape": list(o.shape)} for o in outputs]


for case in json.load(open(sys.argv[1])):
    try:
        session = onnxruntime.InferenceSession(case["model"], options, providers=["CPUExecutionProvider"])
        answer = {"runs": [run(session, one) for one in case["runs"]]}
    except Exception as e:
        answer = {"problem": str(e).split("\n")[0]}
    print(json.dumps(answer), flush=True)
