/**
 * Remote calls over one connection: many in flight, answered in any order. `docs/rpc.md` explains the behaviour,
 * `docs/rpc-protocol.md` the bytes.
 */

import type { EventEmitter } from 'node:events'
import type { AddressInfo, DropArgument, ListenOptions } from 'node:net'

/** Body of a request or reply. */
export type Body = Uint8Array

/** How a call ends: with an error, or with the reply. */
export type ReplyCallback = (error: RpcError | null, reply: Buffer) => void

/** Why a call failed. */
export class RpcError extends Error {
  /** One of the `IRONWIRE_RPC_…` codes, or the code of the error that the handler gave. */
  code: string
  /**
   * `false` promises that the server has not seen the request and never will, so that it is safe to call again; `true` says that
   * it may have.
   */
  sent: boolean
  /** The method that was called. */
  method?: string
  /** `true` when the error is the handler's own. */
  remote?: true
}

/** Options that both ends share. Durations are milliseconds; 0 or `Infinity` switches one off. */
export interface PeerOptions {
  /** Largest frame to accept, in bytes, 1,024 to 4,294,967,291. Default 16 MiB. */
  maxFrameBytes?: number
  /** How long the peer may take to introduce itself. Default 10,000. */
  handshakeTimeout?: number
  /** Silence after which the peer is asked whether it is still there. Default 30,000. */
  pingInterval?: number
  /** How long it may take to answer that. Default 10,000. */
  pingTimeout?: number
}

/** Options of a server. */
export interface ServerOptions extends PeerOptions {
  /** Unanswered calls that one connection may have, 1 to 65,536; clients are told. Default 4,096. */
  maxCallsPerConnection?: number
  /** Handlers that may be at work at once, over all connections; further calls wait. Default 65,536. */
  maxConcurrency?: number
  /** Connections at once; further ones are dropped. Default 65,536. */
  maxConnections?: number
  /** Method names that one connection may use, 1 to 65,536. Default 1,024. */
  maxMethods?: number
  /** Handlers of one connection that may still be at work for calls that have ended without them; further calls wait. Default 4,096. */
  maxStraysPerConnection?: number
  /** The same over all connections. Default 65,536. */
  maxStrays?: number
  /** How long such a handler counts when it never answers. Default 30,000. */
  strayTimeout?: number
  /** Bytes of memory that unanswered requests may keep before their connection is not read. Default 64 MiB. */
  maxPendingBytes?: number
  /** Bytes of answers that a peer may leave unread before its connection is dropped. Default 64 MiB. */
  maxOutgoingBytes?: number
  /** How long `close()` waits for clients to leave. Default 10,000. */
  closeTimeout?: number
}

/** Where a call comes from; empty on a pipe. */
export interface PeerAddress {
  address?: string
  port?: number
  family?: string
}

/** A call, as its handler sees it. */
export interface ServerCall {
  /** The method's name. */
  readonly method: string
  readonly peer: PeerAddress
  /** When the caller stops waiting, in milliseconds since 1970; `undefined` when it set no limit. */
  readonly deadline: number | undefined
  /** Milliseconds until then; `Infinity` when it set no limit. */
  readonly remaining: number
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

/** Answers a call, once: with an error whose `message` and `code` reach the caller, or with a reply. */
export type Answer = (error?: unknown, reply?: Body | null) => void

/**
 * Handles the calls of one method. Its answer is what happens first: the callback, bytes or `null` (an empty reply) that it returns
 * or promises, a throw or a rejection. A promise of `undefined` is an empty reply too, unless the handler calls back: name the callback
 * as the second parameter if you take it.
 */
export type Handler = (
  request: Buffer,
  callback: Answer,
  call: ServerCall,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers with the callback returns nothing
) => Body | null | undefined | void | PromiseLike<Body | null | undefined | void>

/** Counts since the server was made. */
export interface ServerStats {
  connections: number
  calls: number
  /** Calls of unknown methods, or above `maxCallsPerConnection`. */
  refused: number
  /** Calls whose deadline passed before the handler answered. */
  timeouts: number
  /** Answers that came after their call had ended otherwise. */
  lateAnswers: number
  /** Second and further answers to one call. */
  extraAnswers: number
  /** Handlers that threw, rejected, answered with something that is no body, or did not answer. */
  handlerErrors: number
}

/** Takes calls on a port or path. */
export class Server extends EventEmitter {
  constructor(options?: ServerOptions)
  readonly listening: boolean
  readonly stats: ServerStats
  /** Adds a method, also while listening. */
  method(name: string, handler: Handler): this
  listen(port?: number, hostname?: string, backlog?: number, listeningListener?: () => void): this
  listen(port?: number, hostname?: string, listeningListener?: () => void): this
  listen(port?: number, listeningListener?: () => void): this
  listen(path: string, listeningListener?: () => void): this
  listen(options: ListenOptions, listeningListener?: () => void): this
  address(): AddressInfo | string | null
  /** Takes no new connections, lets calls in flight finish, and calls back when the last client has left. */
  close(callback: (error?: Error) => void): void
  close(): Promise<void>
  /** Drops every connection at once. */
  closeAllConnections(): void
  ref(): this
  unref(): this
  on(event: 'listening' | 'close', listener: () => void): this
  on(event: 'error', listener: (error: Error) => void): this
  on(event: 'connection', listener: (peer: PeerAddress) => void): this
  on(event: 'drop', listener: (data?: DropArgument) => void): this
  on(event: 'disconnect', listener: (peer: PeerAddress, error: Error | null) => void): this
  on(event: 'protocolError', listener: (error: RpcError, peer: PeerAddress) => void): this
  on(event: 'handlerError', listener: (error: unknown, call: ServerCall) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** How a client comes back after it lost its server. */
export interface ReconnectOptions {
  /** Milliseconds before the first attempt, doubled for each further one; half of it is random. Default 100. */
  initialDelay?: number
  /** The longest of these delays. Default 10,000. */
  maxDelay?: number
  /** Attempts in a row after which the client gives up. Default `Infinity`. */
  maxAttempts?: number
}

/** Options of a client. */
export interface ClientOptions extends PeerOptions {
  /** Milliseconds that a call may take when it does not say itself. Default 30,000. */
  timeout?: number
  /** Whether and how to reconnect. Default `true`. */
  reconnect?: boolean | ReconnectOptions
  /** Whether calls that cannot leave yet wait, up to their deadline, or fail at once. Default `true`. */
  queue?: boolean
  /** Unanswered calls at once, 1 to 65,536; the server's own limit holds too. Default 4,096. */
  maxInFlight?: number
  /** Calls that may wait. Default 65,536. */
  maxQueuedCalls?: number
  /** Bytes of bodies that may wait. Default 64 MiB. */
  maxQueuedBytes?: number
}

/** Options of one call. */
export interface CallOptions {
  /** Milliseconds; 0 or `Infinity` waits for ever. */
  timeout?: number
  /** A moment instead: a `Date`, or milliseconds since 1970. */
  deadline?: number | Date
  /** Ends the call, also at the server. */
  signal?: AbortSignal
}

/** Counts since the client was made. */
export interface ClientStats {
  calls: number
  replies: number
  /** Calls that ended without a reply, for whatever reason. */
  errors: number
  /** Those of them that ran out of time. */
  timeouts: number
  /** Answers to calls that had ended before: timed out or aborted. */
  lateAnswers: number
  /** Answers to calls that were never made, or were answered already. */
  unknownAnswers: number
  /** Connections that were made. */
  connections: number
}

/** Calls the methods of one server, over a connection that comes back by itself. */
export class Client extends EventEmitter {
  constructor(target: Target, options?: ClientOptions)
  /** Whether calls can leave right now. */
  readonly connected: boolean
  /** Calls that have not ended. */
  readonly pending: number
  readonly stats: ClientStats
  /** Calls a method. The body may be changed again as soon as this returns. */
  call(method: string, body: Body | null | undefined, callback: ReplyCallback): void
  call(method: string, body: Body | null | undefined, options: CallOptions | undefined, callback: ReplyCallback): void
  call(method: string, body?: Body | null, options?: CallOptions): Promise<Buffer>
  /** Takes no new calls and calls back when those already made have ended. */
  close(callback: () => void): void
  close(): Promise<void>
  /** Ends at once; calls that have not ended fail. */
  destroy(): this
  /** Lets the client keep the process running, as it does from the start. */
  ref(): this
  /** Lets the process end although the client is open. */
  unref(): this
  on(event: 'connect' | 'close', listener: () => void): this
  on(event: 'disconnect' | 'error', listener: (error: Error) => void): this
  on(event: 'reconnect', listener: (info: { attempt: number; delay: number; error: Error }) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** `'host:port'`, `'[::1]:port'`, a port on localhost, a path (with a separator in it), or the parts. */
export type Target = string | number | { host?: string; port: number } | { path: string }

/** A server without methods yet. */
export function createServer(options?: ServerOptions): Server
/** A client that connects to `target` and keeps coming back to it. */
export function connect(target: Target, options?: ClientOptions): Client
