'use strict'

const view = new DataView(new ArrayBuffer(8))

function writer(method, size, littleEndian) {
  return (value, target, position) => {
    view[method](0, value, littleEndian)
    for (let i = 0; i < size; i++) target[position + i] = view.getUint8(i)
  }
}

function reader(method, size, littleEndian) {
  return (source, position) => {
    for (let i = 0; i < size; i++) view.setUint8(i, source[position + i])
    return view[method](0, littleEndian)
  }
}

const methods = {
  writeFloatLE: writer('setFloat32', 4, true),
  writeFloatBE: writer('setFloat32', 4, false),
  readFloatLE: reader('getFloat32', 4, true),
  readFloatBE: reader('getFloat32', 4, false),
  writeDoubleLE: writer('setFloat64', 8, true),
  writeDoubleBE: writer('setFloat64', 8, false),
  readDoubleLE: reader('getFloat64', 8, true),
  readDoubleBE: reader('getFloat64', 8, false),
}

/** Adds these methods to an object. */
module.exports = Object.assign((target) => Object.assign(target, methods), methods)
