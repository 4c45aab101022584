/**
 * `node:net` over the native engine: libuv handles of Node's own loop, output gathered per turn.
 *
 * Every export of `node:net` is here with the same types; `Socket`, `Server`, `createServer`, `connect` and `createConnection` are
 * ours, and are kinds of Node's (`socket instanceof require('node:net').Socket` holds). Errors carry Node's codes and wording.
 * Source: https://nodejs.org/api/net.html
 */
import type { NetConnectOpts, ServerOpts } from 'node:net'
import * as net from 'node:net'
import type { FrameDuplex, Framing } from '../codec/index'

export * from 'node:net'

/** Node's, over the native engine. */
export class Socket extends net.Socket {
  /** The socket as a stream of messages: `codec.framer(framing).over(socket)`. */
  frames(framing: Framing): FrameDuplex
}

export function createServer(connectionListener?: (socket: Socket) => void): net.Server
export function createServer(options?: ServerOpts, connectionListener?: (socket: Socket) => void): net.Server
export function connect(options: NetConnectOpts, connectionListener?: () => void): Socket
export function connect(port: number, host?: string, connectionListener?: () => void): Socket
export function connect(port: number, connectionListener?: () => void): Socket
export function connect(path: string, connectionListener?: () => void): Socket
export function createConnection(options: NetConnectOpts, connectionListener?: () => void): Socket
export function createConnection(port: number, host?: string, connectionListener?: () => void): Socket
export function createConnection(port: number, connectionListener?: () => void): Socket
export function createConnection(path: string, connectionListener?: () => void): Socket
