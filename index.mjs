// The same exports for `import { http } from 'ironwire'`.
import ironwire from './index.js'

export const { version, Buffer, codec, http, net, protobuf, rpc } = ironwire
export default ironwire
