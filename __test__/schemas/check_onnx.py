"""Holds models to ONNX's own checker: `check_onnx.py MODEL...`; prints the name of each one's graph."""

import sys

import onnx

for file in sys.argv[1:]:
    model = onnx.load(file)
    onnx.checker.check_model(model)
    print(model.graph.name)
