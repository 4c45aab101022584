// The same for `require`: compiled, never run.

import ironwire = require('ironwire')
import http = require('ironwire/http')
import protobuf = require('ironwire/protobuf')

ironwire.http.createServer satisfies typeof http.createServer
ironwire.protobuf satisfies typeof protobuf
protobuf('message A {}') satisfies protobuf.Messages
// @ts-expect-error: the function itself is exported
protobuf.default

import pbjs = require('ironwire/protobufjs')
import descriptor = require('ironwire/protobufjs/ext/descriptor')

new pbjs.Root().loadSync('a.proto').lookupEnum('E').values satisfies { [name: string]: number }
descriptor.FileDescriptorSet.encode({}).finish() satisfies Uint8Array
