'use strict'

// The public `encode`, `decode` and `encodingLength` of one message, around the emitted functions that write and read
// it.
//
// This file is used in two ways. As a module it is shared by all messages of a large schema. Its text is also part of
// the addon (`src/proto/emit/mod.rs`) and is evaluated anew for every message of a small schema: see `codec.js`. The
// text in the addon stays as it is here, whatever a minifier, bundler or coverage tool does to the module. So this file
// must not refer to anything that it is not given.

/**
 * Returns the function that makes the three. `link()` returns `{write, read, merge, maxSize, maxValues}`, and is called
 * at the first use. `merge` rewrites an input so that every message is in one part, or throws the given error if a
 * required field is missing all the same.
 */
module.exports = (tools) => {
  const { at, slab, newSlab, copy, encodeLarge, put, asBuffer, notDetached, invalid, isIncomplete, position } = tools
  const { notMessage, FastBuffer, SLAB, SHARED, EDGE, LARGE, FULL } = tools

  return (link) => {
    let write = null
    let read = null
    let merge = null
    let maxSize = 0
    let maxValues = 0
    let isLarge = false

    function linkNow() {
      const bodies = link()
      write = bodies.write
      read = bodies.read
      merge = bodies.merge
      maxSize = bodies.maxSize
      maxValues = bodies.maxValues
    }

    function encode(obj, buf, offset) {
      if (buf) return put(encode(obj), buf, offset)
      if (write === null) linkNow()
      if (typeof obj !== 'object') notMessage(obj)
      if (isLarge) return encodeApart(obj)
      if (slab.pos > EDGE) {
        if (slab.pos === SLAB) return encodeWithin(obj)
        newSlab()
      }
      const { bytes, buffer, pos } = slab
      slab.pos = SLAB
      let end
      try {
        end = write(bytes, pos, obj, 0)
      } catch (error) {
        if (slab.bytes === bytes) slab.pos = pos
        if (error === FULL) return again(obj, pos)
        slab.copies = null
        if (obj === null) notMessage(obj)
        throw error
      }
      if (slab.copies !== null) slab.copies = null
      const n = end - pos
      if (n === 0) notMessage(obj)
      encode.bytes = n
      if (n > SHARED) {
        if (slab.bytes === bytes) slab.pos = pos
        return copy(bytes, pos, end)
      }
      if (slab.bytes === bytes) slab.pos = end
      return new FastBuffer(buffer, pos, n)
    }

    // The message did not fit from `pos` on: retry with a new slab, or with a buffer of its own if it is larger than a
    // slab.
    function again(obj, pos) {
      if (pos > 0) newSlab()
      else isLarge = true
      return encode(obj)
    }

    // Called by code that another encoding runs, for example a getter. It gets a slab and copies of its own.
    function encodeWithin(obj) {
      const { copies } = slab
      slab.copies = null
      newSlab()
      try {
        return encode(obj)
      } finally {
        slab.copies = copies
      }
    }

    function encodeApart(obj) {
      const { bytes, pos, copies } = slab
      const isWithin = pos === SLAB
      if (isWithin) slab.copies = null
      slab.pos = SLAB
      try {
        const result = encodeLarge(write, obj, LARGE)
        isLarge = result.length > SHARED
        encode.bytes = result.length
        return result
      } finally {
        if (slab.bytes === bytes) slab.pos = pos
        slab.copies = isWithin ? copies : null
      }
    }

    function decode(buf, offset, end) {
      if (read === null) linkNow()
      // All of Node's Buffers are instances of it, and V8 can check this without a call.
      const b = buf instanceof FastBuffer ? buf : asBuffer('buffer', buf)
      const length = b.length
      if (length === 0) notDetached(b)
      const start = offset === undefined ? 0 : position('offset', offset)
      const stop = end === undefined ? length : position('end', end) || length
      if (!(stop <= length && start <= length && start >= 0)) throw invalid()
      // Positions are 32-bit integers.
      if (stop > 0x7fffffff) throw invalid('it is longer than 2 GiB')
      if (stop - start > maxSize) throw invalid(`it has ${stop - start} bytes, more than the limit of ${maxSize}`)
      at.left = at.most = maxValues
      let obj
      try {
        obj = read(b, start | 0, stop | 0, 0, null)
      } catch (error) {
        if (!isIncomplete(error)) throw error
        const merged = merge(b.subarray(start, stop), error)
        at.left = maxValues
        obj = read(merged, 0, merged.length, 0, null)
      }
      decode.bytes = stop - start
      return obj
    }

    function encodingLength(obj) {
      const { bytes } = encode
      const n = encode(obj).length
      encode.bytes = bytes
      return n
    }

    encode.bytes = decode.bytes = 0
    return { encode, decode, encodingLength }
  }
}
