'use strict'

/** An allocator that cuts small pieces, aligned to eight bytes, from slabs made by `alloc`. */
module.exports = function pool(alloc, slice, size = 8192) {
  const most = size >>> 1
  let slab = null
  let offset = size
  return (wanted) => {
    if (wanted < 1 || wanted > most) return alloc(wanted)
    if (offset + wanted > size) {
      slab = alloc(size)
      offset = 0
    }
    const start = offset
    offset = (start + wanted + 7) & ~7
    return slice.call(slab, start, start + wanted)
  }
}
