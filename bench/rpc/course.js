'use strict'

// The message of 32 bytes that typed calls and streams send.

exports.proto = `
  syntax = "proto3";
  message Course { uint32 id = 1; string title = 2; }
  service Catalog {
    rpc Echo (Course) returns (Course);
    rpc Watch (Course) returns (stream Course);
  }
`
exports.course = { id: 7, title: 'abcdefghijklmnopqrstuvwxyz01' }
