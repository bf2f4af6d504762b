#!/bin/sh
# Puts ONNX's published conformance cases into .cache/onnx-data (the folder onnx/backend/test/data of the wheel).
# Needs pip and unzip. Later wheels than 1.22.0 no longer hold the cases of single operators.
set -eu
version=1.22.0
root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/.cache/onnx-data"
if [ -d "$target/node" ]; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --dest "$work" "onnx==$version"
unzip -q "$work"/onnx-*.whl 'onnx/backend/test/data/*' -d "$work"
mkdir -p "$root/.cache"
rm -rf "$target"
mv "$work/onnx/backend/test/data" "$target"
