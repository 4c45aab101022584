'use strict'

// Files that can be imported without existing: `common(name, json)` adds one, `common.get(file)` returns its
// description.

/** A name without `/` and `.` stands for a file of `google/protobuf`. */
function common(name, json) {
  if (/[/.]/.test(name)) common[name] = json
  else common[`google/protobuf/${name}.proto`] = { nested: { google: { nested: { protobuf: { nested: json } } } } }
}

common.get = (file) => common[file] || null

/**
 * Describes a message with fields `{name: type}` that are numbered in order. Names are given as in the source; those
 * with underscores become camel case.
 */
function message(fields) {
  const described = {}
  let id = 0
  for (const [protoName, type] of Object.entries(fields)) {
    id++
    const name = protoName.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
    described[name] = { type, id, ...(name === protoName ? {} : { protoName }) }
  }
  return { fields: described }
}

const time = () => message({ seconds: 'int64', nanos: 'int32' })

function repeated(name, type) {
  return { fields: { [name]: { rule: 'repeated', type, id: 1 } } }
}

// Not converted to camel case: this field has the same name in JSON and in the source.
common('any', { Any: { fields: { type_url: { type: 'string', id: 1 }, value: { type: 'bytes', id: 2 } } } })
common('duration', { Duration: time() })
common('timestamp', { Timestamp: time() })
common('empty', { Empty: message({}) })
common('field_mask', { FieldMask: repeated('paths', 'string') })

const kinds = message({
  null_value: 'NullValue',
  number_value: 'double',
  string_value: 'string',
  bool_value: 'bool',
  struct_value: 'Struct',
  list_value: 'ListValue',
})
common('struct', {
  Struct: { fields: { fields: { keyType: 'string', type: 'Value', id: 1 } } },
  Value: { oneofs: { kind: { oneof: Object.keys(kinds.fields) } }, ...kinds },
  NullValue: { values: { NULL_VALUE: 0 } },
  ListValue: repeated('values', 'Value'),
})

const wrapped = ['double', 'float', 'int64', 'uint64', 'int32', 'uint32', 'bool', 'string', 'bytes']
common(
  'wrappers',
  Object.fromEntries(
    wrapped.map((type) => {
      const name = type.replace(/^u?./, (start) => start.toUpperCase())
      return [`${name}Value`, message({ value: type })]
    }),
  ),
)

module.exports = common
