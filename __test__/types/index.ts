// Compiled, never run: `tsc -p __test__/types` holds index.d.ts to what the package offers.

import ironwire, { version } from 'ironwire'

version satisfies string
ironwire.version satisfies string

// @ts-expect-error: exports are read-only
ironwire.version = '2'
// @ts-expect-error: nothing is exported under a name that does not exist
ironwire.nothing

import { protobuf } from 'ironwire'

const person = protobuf('message Person { required int32 age = 16; }', { int64: 'bigint' }).Person
person.encode({ age: 1 })
// @ts-expect-error: an option must be one that exists
protobuf('', { int64: 'number' })
protobuf.unknownFields satisfies symbol
