"""Reads `full.name hex` a line, writes `hex json` of the same message as Python's protobuf has it: `peer.py DESCRIPTOR_SET`."""

import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

pool = descriptor_pool.DescriptorPool()
files = descriptor_pb2.FileDescriptorSet.FromString(open(sys.argv[1], "rb").read())
for file in files.file:
    pool.Add(file)
for line in sys.stdin:
    name, _, text = line.rstrip("\n").partition(" ")
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(name)).FromString(bytes.fromhex(text))
    value = json_format.MessageToDict(message, descriptor_pool=pool)
    print(message.SerializeToString(deterministic=True).hex(), json.dumps(value, separators=(",", ":")))
