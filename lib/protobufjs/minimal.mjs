// The same for `import`: static code of the target `es6` takes it as `import * as $protobuf`.
import protobuf from './minimal.js'

export default protobuf
export const { BufferReader, BufferWriter, Reader, Writer, configure, roots, rpc, util } = protobuf
export const build = 'minimal'
