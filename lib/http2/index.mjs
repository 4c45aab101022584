import http2 from './index.js'

export * from 'node:http2'
export const {
  connect,
  createSecureServer,
  createServer,
  Http2ServerRequest,
  Http2ServerResponse,
  performServerHandshake,
} = http2
export default http2
