// The same for `import * as protobuf`, `import protobuf` and `import { load }`.
import protobuf from './index.js'

export default protobuf
export const {
  BufferReader,
  BufferWriter,
  Enum,
  Field,
  MapField,
  Message,
  Method,
  Namespace,
  OneOf,
  Reader,
  ReflectionObject,
  Root,
  Service,
  Type,
  Writer,
  common,
  configure,
  load,
  loadSync,
  parse,
  roots,
  rpc,
  tokenize,
  types,
  util,
  wrappers,
} = protobuf
export const build = 'full'
