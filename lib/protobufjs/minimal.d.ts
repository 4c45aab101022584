/**
 * The part of `ironwire/protobufjs` that generated static code needs: `Reader`, `Writer`, `util`, `rpc` and `roots`.
 */
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
