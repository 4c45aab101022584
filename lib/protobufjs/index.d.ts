/**
 * npm `protobufjs` 8, call for call, over ironwire's codec: reflection, the parser, conversions, `Reader` and `Writer`.
 * `ironwire/protobufjs/light` lacks the parser, `ironwire/protobufjs/minimal` reflection as well. `docs/protobufjs.md`
 * lists the differences.
 *
 * Source: https://protobufjs.github.io/protobuf.js/
 */
export * from './types'
