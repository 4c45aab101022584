/** What static code needs. */
export {
  BufferReader,
  BufferWriter,
  build,
  Constructor,
  configure,
  IConversionOptions,
  Long,
  Message,
  Properties,
  Reader,
  RPCImpl,
  RPCImplCallback,
  roots,
  rpc,
  util,
  Writer,
} from './types'
