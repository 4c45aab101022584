'use strict'

// The properties of a schema's messages, for code that walks objects. See `src/proto/emit/table.rs`.

const { Buffer } = require('node:buffer')
const constants = require('../constants.js')

const { REPEATED, MAP, REQUIRED, PRESENCE } = constants.fields

/** Converts a default from its JSON form. Bytes are created anew each time, because they are mutable. */
function revive(value) {
  if (!Array.isArray(value)) return value
  const [form, text] = value
  if (form === 'bytes') return Buffer.from(text, 'hex')
  return form === 'int' ? BigInt(text) : Number(text)
}

class Plan {
  constructor(schema, table, id) {
    const [fields, oneofs] = table[id]
    const { outline } = schema
    const declared = outline.messages[id][5]
    this.fields = fields.map(([property, , kind, flags, oneof, value], index) => ({
      property,
      // Extensions follow the fields and have only one name.
      name: declared[index]?.[0] ?? property,
      kind,
      isMessage: typeof kind === 'number' && kind >= 0,
      enumeration: typeof kind === 'number' && kind < 0 ? schema.enums[-1 - kind] : null,
      isRepeated: (flags & REPEATED) !== 0,
      isMap: (flags & MAP) !== 0,
      /** Whether it has its default when it was not on the wire. */
      isImplicit: (flags & (PRESENCE | REPEATED | MAP)) === 0 || (flags & REQUIRED) !== 0,
      /** The property name of its oneof. */
      oneof: oneof < 0 ? null : oneofs[oneof][2],
      /** Whether that property decides if the field is set. */
      isDecided: oneof >= 0 && schema.settings.face?.oneofCases === true,
      default: () => revive(value),
    }))
    this.oneofs = oneofs.map(([, , property]) => property)
  }
}

const tables = new WeakMap()

/** The plan of a message. */
function planOf(schema, id) {
  let made = tables.get(schema)
  if (made === undefined) {
    made = { table: JSON.parse(schema.native.table()), plans: [] }
    tables.set(schema, made)
  }
  made.plans[id] ??= new Plan(schema, made.table, id)
  return made.plans[id]
}

module.exports = { planOf }
