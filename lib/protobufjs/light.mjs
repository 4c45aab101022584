// The same for `import`.
import protobuf from './light.js'

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
  configure,
  load,
  loadSync,
  roots,
  rpc,
  types,
  util,
  wrappers,
} = protobuf
export const build = 'light'
