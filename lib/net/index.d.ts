/**
 * `node:net` over the native engine: libuv handles of Node's own event loop. ironwire gathers what you write in one
 * turn of the loop and sends it with one system call.
 *
 * Every export of `node:net` is here, with the same types. ironwire replaces `Socket`, `Stream`, `Server`,
 * `createServer`, `connect` and `createConnection`. Its objects are instances of Node's: `socket instanceof
 * require('node:net').Socket` is true. Errors have Node's codes and messages.
 *
 * `docs/net.md` describes how it works and where it differs from Node.
 *
 * Source: https://nodejs.org/api/net.html
 */
import type { NetConnectOpts, ServerOpts } from 'node:net'
import * as net from 'node:net'
import type { FrameDuplex, Framing } from '../codec/index'

export * from 'node:net'

/** A TCP or pipe socket: Node's `net.Socket` over the native engine. */
export class Socket extends net.Socket {
  /**
   * Reads and writes the socket as a stream of whole messages, however TCP has cut the bytes. The same as
   * `codec.framer(framing).over(socket)`. A socket can be framed once.
   *
   * The returned stream is in object mode. Backpressure, end, errors and destruction pass through in both directions.
   * Bytes that are not framed as `framing` says destroy both streams, with the error code `IRONWIRE_FRAME_TOO_LARGE`,
   * `IRONWIRE_FRAME_INVALID` or `IRONWIRE_FRAME_INCOMPLETE`.
   *
   * @example
   * ```js
   * const messages = socket.frames({ length: 'u32be', maxLength: 64 * 1024 })
   * for await (const message of messages) messages.write(message)
   * ```
   */
  frames(framing: Framing): FrameDuplex
}

/**
 * Creates a TCP or pipe server, as `net.createServer` does. `connectionListener` is added to the `'connection'`
 * event.
 */
export function createServer(connectionListener?: (socket: Socket) => void): net.Server
/** Creates a TCP or pipe server with options, as `net.createServer` does. */
export function createServer(options?: ServerOpts, connectionListener?: (socket: Socket) => void): net.Server
/**
 * Connects to a port or a path, as `net.connect` does. `connectionListener` is called once, for the `'connect'`
 * event.
 */
export function connect(options: NetConnectOpts, connectionListener?: () => void): Socket
/** Connects to a TCP port. `host` defaults to `'localhost'`. */
export function connect(port: number, host?: string, connectionListener?: () => void): Socket
/** Connects to a TCP port of this machine. */
export function connect(port: number, connectionListener?: () => void): Socket
/** Connects to a Unix domain socket, or to a named pipe on Windows. */
export function connect(path: string, connectionListener?: () => void): Socket
/** Another name of {@link connect}. */
export function createConnection(options: NetConnectOpts, connectionListener?: () => void): Socket
/** Another name of {@link connect}. */
export function createConnection(port: number, host?: string, connectionListener?: () => void): Socket
/** Another name of {@link connect}. */
export function createConnection(port: number, connectionListener?: () => void): Socket
/** Another name of {@link connect}. */
export function createConnection(path: string, connectionListener?: () => void): Socket
