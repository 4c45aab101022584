'use strict'

// Makes calls from every depth near the end of the stack, and prints what became of them. For `stack.long.test.js`.

const { Worker, isMainThread } = require('node:worker_threads')
const { protobuf } = require('../..')

const DEPTH = 999

function calls() {
  const { M } = protobuf('syntax = "proto3"; message M { M m = 1; }', { depth: 1000 })
  const json = `${'{"m":'.repeat(DEPTH)}{}${'}'.repeat(DEPTH)}`
  const binary = protobuf.jsonToBinary(M, json)
  const text = protobuf.binaryToText(M, binary)
  const files = { a: 'import "b"; message A {}', b: 'message B {}' }
  const compile = (resolveImport = (name) => files[name]) => protobuf(null, { filename: 'a', resolveImport })
  const set = protobuf.toDescriptorSet(compile())
  return {
    jsonToBinary: () => protobuf.jsonToBinary(M, json),
    binaryToJson: () => protobuf.binaryToJson(M, binary),
    binaryToText: () => protobuf.binaryToText(M, binary),
    textToBinary: () => protobuf.textToBinary(M, text),
    compile: () => compile().A.encode({}),
    fromDescriptorSet: () => protobuf.fromDescriptorSet(set),
    recursive: () => {
      let left = 5
      const resolve = (name) => {
        if (left-- > 0) compile(resolve)
        return files[name]
      }
      compile(resolve)
    },
  }
}

/** Calls from the last frames that fit. */
function fromEveryDepth(call) {
  const found = { ended: 0, done: 0, other: [] }
  let frames = 0
  let first = Infinity
  function deeper() {
    if (++frames > first) {
      try {
        call()
        found.done++
      } catch (error) {
        if (error instanceof RangeError && error.message.includes('call stack')) found.ended++
        // V8 says so of a regular expression that it has no stack to compile.
        else if (error instanceof SyntaxError && error.message.includes('call stack')) found.ended++
        else found.other.push(String(error))
      }
    }
    deeper()
  }
  const descend = () => {
    frames = 0
    try {
      deeper()
    } catch {}
  }
  descend()
  first = frames - 600
  descend()
  return found
}

function main() {
  const results = {}
  for (const [name, call] of Object.entries(calls())) results[name] = fromEveryDepth(call)
  process.stdout.write(JSON.stringify(results))
}

const where = process.argv[2]
if (!isMainThread || where === 'main') main()
else new Worker(__filename, { resourceLimits: where === 'worker' ? {} : { stackSizeMb: Number(where) } })
