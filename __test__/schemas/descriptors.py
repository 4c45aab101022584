"""Writes the FileDescriptorSet of all generated modules of a package, without running them: `descriptors.py PACKAGE...`."""

import ast
import importlib.util
import pathlib
import sys

from google.protobuf import descriptor_pb2

found = {}
for package in sys.argv[1:]:
    for place in importlib.util.find_spec(package).submodule_search_locations:
        for file in sorted(pathlib.Path(place).rglob("*_pb2.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if not isinstance(node, ast.Call):
                    continue
                named = [k.value for k in node.keywords if k.arg == "serialized_pb"]
                added = node.args[:1] if getattr(node.func, "attr", "") == "AddSerializedFile" else []
                for value in named + added:
                    # Older ones have text, within a call that makes bytes of it.
                    literal = value.args[0] if isinstance(value, ast.Call) else value
                    data = literal.value if isinstance(literal.value, bytes) else literal.value.encode("latin1")
                    descriptor = descriptor_pb2.FileDescriptorProto.FromString(data)
                    found[descriptor.name] = descriptor

sys.stdout.buffer.write(descriptor_pb2.FileDescriptorSet(file=found.values()).SerializeToString())
