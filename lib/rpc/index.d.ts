/**
 * Remote calls over one connection: many are in flight at once, and their answers come in any order. Bodies are
 * bytes, or messages of a protobuf schema.
 *
 * `docs/rpc.md` explains the behaviour, `docs/addressing.md` several servers and services by name,
 * `docs/rpc-protocol.md` the bytes on the wire.
 *
 * Wrong arguments throw Node's `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`; an unknown
 * option throws `IRONWIRE_UNKNOWN_OPTION`.
 *
 * @example
 * ```js
 * const server = rpc.createServer()
 * server.method('title', (request, callback) => callback(null, Buffer.from('java')))
 * server.listen(3001)
 *
 * const client = rpc.connect('localhost:3001')
 * client.call('title', Buffer.from([3, 232]), (error, reply) => console.log(error ?? reply.toString()))
 * ```
 */

import type { KeyObject } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { AddressInfo, DropArgument, ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectOptions as EtcdOptions } from '../etcd/index.js'
import type { ClientTlsOptions, ServerTlsOptions, TlsPeer } from './secure.js'
import type { Messages, ResultCallback, ServiceClient, ServiceHandlers } from './services.js'

export type { ClientTlsOptions, ServerTlsOptions, TlsOptions, TlsPeer } from './secure.js'
export type {
  BidirectionalMethod,
  ClientMethod,
  ClientStreamingMethod,
  HandlerOf,
  Messages,
  ResultCallback,
  ServerStreamingMethod,
  ServiceClient,
  ServiceHandlers,
  TypedAnswer,
  UnaryMethod,
} from './services.js'

/** The body of a request or a reply. */
export type Body = Uint8Array

/**
 * Called once when a call ends: with an error, or with the reply and the metadata that the server sent with it, if
 * any.
 */
export type ReplyCallback = ResultCallback<Buffer>

/** The status codes of gRPC, by name. Source: https://grpc.io/docs/guides/status-codes/ */
export const status: {
  readonly OK: 0
  readonly CANCELLED: 1
  readonly UNKNOWN: 2
  readonly INVALID_ARGUMENT: 3
  readonly DEADLINE_EXCEEDED: 4
  readonly NOT_FOUND: 5
  readonly ALREADY_EXISTS: 6
  readonly PERMISSION_DENIED: 7
  readonly RESOURCE_EXHAUSTED: 8
  readonly FAILED_PRECONDITION: 9
  readonly ABORTED: 10
  readonly OUT_OF_RANGE: 11
  readonly UNIMPLEMENTED: 12
  readonly INTERNAL: 13
  readonly UNAVAILABLE: 14
  readonly DATA_LOSS: 15
  readonly UNAUTHENTICATED: 16
}

/** The name of a status code. */
export type StatusName = keyof typeof status

/** A value of metadata: text, or bytes if its key ends in `-bin`. */
export type MetadataValue = string | Uint8Array

/**
 * What metadata can be made of: other metadata, pairs of key and value, or an object. `null` and `undefined` values
 * are skipped.
 */
export type MetadataInit =
  | Metadata
  | Iterable<readonly [string, MetadataValue]>
  | { readonly [key: string]: MetadataValue | readonly MetadataValue[] | null | undefined }

/**
 * Keys and values that travel beside the body of a request or an answer. A key has one or more values. Keys are 1 to
 * 255 letters, digits, `-`, `_` or `.`, and are stored in lower case. The methods are those of `Headers`.
 *
 * @throws `ERR_INVALID_ARG_VALUE` for a wrong key, `ERR_INVALID_ARG_TYPE` if a value is not text, or not bytes where
 * the key ends in `-bin`.
 */
export class Metadata implements Iterable<[string, string | Buffer]> {
  constructor(init?: MetadataInit | null)
  /** The last value of a key that ends in `-bin`, or `undefined`. */
  get(key: `${string}-bin`): Buffer | undefined
  /** The last value of the key, or `undefined`. */
  get(key: string): string | undefined
  /** All values of a key that ends in `-bin`. */
  getAll(key: `${string}-bin`): Buffer[]
  /** All values of the key, in the order in which they were added. */
  getAll(key: string): string[]
  /** Whether the key has a value. */
  has(key: string): boolean
  /** Replaces all values of the key with this one. */
  set(key: string, value: MetadataValue): this
  /** Adds a value to the key. */
  append(key: string, value: MetadataValue): this
  /** Removes the key. Returns whether it had a value. */
  delete(key: string): boolean
  /** The number of values of all keys together. */
  readonly size: number;
  /** Every pair of key and value. */
  [Symbol.iterator](): IterableIterator<[string, string | Buffer]>
  /** An object with the values of each key. */
  toJSON(): Record<string, (string | Buffer)[]>
}

/** The error of a call that failed. `docs/rpc.md` lists the codes. */
export class RpcError extends Error {
  /** One of the `IRONWIRE_RPC_…` codes, or the code of the error that the handler gave. */
  code: string
  /** The status code, one of {@link status}. */
  status: number
  /** The name of `status`, such as `'NOT_FOUND'`. */
  readonly statusName: StatusName
  /** The bytes that the handler sent with its error. */
  details?: Buffer
  /** The metadata that the handler sent with its error. */
  metadata?: Metadata
  /**
   * Whether the server may have seen the request. `false` is a promise that it has not and never will, so that
   * calling again is safe.
   */
  sent: boolean
  /** The method that was called. */
  method?: string
  /** `true` if the handler failed the call, rather than the connection or ironwire. */
  remote?: true
}

/**
 * An error with which a handler fails a call with a status of its choice. Any other error with these properties works
 * the same. An error without a `status` has UNKNOWN.
 *
 * @example
 * ```js
 * callback(new rpc.StatusError(rpc.status.NOT_FOUND, 'there is no such course'))
 * ```
 */
export class StatusError extends Error {
  /** `status` is one of {@link status} except OK. */
  constructor(
    status: number,
    message?: string,
    options?: { code?: string; details?: Uint8Array; metadata?: MetadataInit },
  )
  /** The status code, one of {@link status}. */
  status: number
  /** The name of `status`. */
  readonly statusName: StatusName
  /** The code that the caller sees as `error.code`. Default: `IRONWIRE_RPC_REMOTE`. */
  code?: string
  /** Bytes for the caller, as `error.details`. */
  details?: Uint8Array
  /** Metadata for the caller, as `error.metadata`. */
  metadata?: MetadataInit
}

/**
 * A secret that both ends of a connection know: at least 16 bytes, because shorter ones can be found by trying. 32
 * random bytes are a good choice. Text is taken as UTF-8.
 */
export type Secret = string | Uint8Array | KeyObject

/** Options of both clients and servers. Durations are in milliseconds; 0 or `Infinity` means no limit. */
export interface PeerOptions {
  /**
   * The largest frame to accept, in bytes, 1,024 to 4,294,967,291. A frame is held whole in memory, so send larger
   * data as a stream. Default: 16 MiB.
   */
  maxFrameBytes?: number
  /**
   * How long the peer may take to introduce itself: for the TLS handshake, for its first frame, and for the proof of
   * the secret. Default: 10,000.
   */
  handshakeTimeout?: number
  /**
   * After how much silence the peer is asked whether it is still there. The default is below the idle limits of
   * common load balancers. Default: 30,000.
   */
  pingInterval?: number
  /** How long the peer may take to answer that. Then the connection is dropped. Default: 10,000. */
  pingTimeout?: number
  /**
   * How many bytes of one stream may be on their way to this end before its reader takes them, 1,024 to 67,107,840.
   * The sender waits when the window is full. Default: 1 MiB.
   */
  streamWindow?: number
  /**
   * How many bytes of unanswered requests and of messages that no reader has taken may wait in memory, for each
   * connection. Beyond it, ironwire stops reading from the connection. Default: 64 MiB.
   */
  maxPendingBytes?: number
  /**
   * How many bytes of metadata a request or an answer may have, at most 65,535. A call with more fails. Default:
   * 8,192.
   */
  maxMetadataBytes?: number
  /** How many values of metadata a request or an answer may have, at most 65,535. Default: 128. */
  maxMetadataEntries?: number
  /**
   * A secret that both ends prove to each other before any call, without sending it. A peer that does not know it is
   * dropped. A server accepts any of several secrets; a client shows the first. The secret does not encrypt anything:
   * use `tls` for that. An option that is present but `undefined` is an error, so that a forgotten variable does not
   * open a server. Default: none.
   */
  secret?: Secret | readonly Secret[]
}

/** Options of calls over UDP, for both ends. See `docs/rpc.md`. */
export interface UdpOptions {
  /**
   * The longest datagram to send and accept, in bytes, 512 to 65,507. The lower limit of both ends counts. The
   * default fits into one packet on every common link. A call takes 44 bytes and the method's name beside its body, a
   * reply 21. Default: 1,200.
   */
  maxDatagramBytes?: number
}

/** Options of a client over UDP. */
export interface UdpClientOptions extends UdpOptions {
  /**
   * After how many milliseconds without an answer a call is sent again, until a round trip was measured. Default:
   * 250, longer than a round trip around the earth.
   */
  resendAfter?: number
  /** The longest pause between two attempts, in milliseconds. The pause doubles each time. Default: 4,000. */
  maxResendAfter?: number
  /**
   * How many calls may be in flight at once, 1 to 65,535. `maxInFlight` of the client and the server's limit apply
   * too. The default is what common network buffers can take. Default: 128.
   */
  maxInFlight?: number
}

/** Options of a server over UDP. */
export interface UdpServerOptions extends UdpOptions {
  /**
   * How many clients there may be at once. Only clients that have proven their address count. Further ones are
   * refused. Default: 4,096.
   */
  maxConnections?: number
  /**
   * How many calls the server remembers, so that it does not run one twice. Further calls are refused. Default:
   * 65,536, enough for 512 clients with 128 calls each.
   */
  maxAnswers?: number
  /**
   * How many bytes the remembered answers may take. A handler at work counts with the longest answer that it may
   * give. Default: 16 MiB.
   */
  maxAnswerBytes?: number
  /** How many milliseconds an answer is kept for a client that asks again, 1,000 or more. Default: 30,000. */
  answerLifetime?: number
}

/** Where a server binds for calls over UDP. */
export interface UdpPlace {
  /** The port. Default: any free port. */
  port?: number
  /** The address. Default: `'127.0.0.1'`, or `'::1'` with `ipv6Only`, so that only this machine can reach it. */
  host?: string
  /** Whether an IPv6 socket refuses IPv4. */
  ipv6Only?: boolean
  /**
   * Whether several processes may bind the port. The system gives each client to one of them. Needs Node 22.12 or
   * later, on Linux.
   */
  reusePort?: boolean
}

/** Options of a server. */
export interface ServerOptions extends PeerOptions {
  /**
   * How many unanswered calls one connection may have, 1 to 65,536. Clients learn of the limit and queue what goes
   * beyond it. Default: 4,096.
   */
  maxCallsPerConnection?: number
  /** How many handlers may be at work at once, over all connections. Further calls wait. Default: 65,536. */
  maxConcurrency?: number
  /** How many connections there may be at once. Further ones are refused. Default: 65,536. */
  maxConnections?: number
  /**
   * How many method names one connection may use, 1 to 65,536. Calls of further ones fail as unknown methods.
   * Default: 1,024.
   */
  maxMethods?: number
  /**
   * How many handlers of one connection may still be at work for calls that have ended, for example because they were
   * cancelled. Further calls of the connection wait. Default: 4,096.
   */
  maxStraysPerConnection?: number
  /** The same over all connections. Default: 65,536. */
  maxStrays?: number
  /** How long such a handler counts if it never answers. Default: 30,000. */
  strayTimeout?: number
  /**
   * How many calls the client of one connection may cancel per second. That many are available at first and refill
   * with time. A client that cancels more is dropped, because each cancelled call may have made its handler work for
   * nothing. Default: 8,192.
   */
  maxCancelsPerSecond?: number
  /**
   * How many calls of one connection may run out of time per second while their handlers are at work. They refill
   * with time. Beyond it, further calls of the connection wait. Default: 8,192.
   */
  maxTimeoutsPerSecond?: number
  /**
   * How long a connection lasts, plus or minus a tenth so that clients do not all come back at once. Then the client
   * is asked to connect again, which loses no call. Default: `Infinity`.
   */
  maxConnectionAge?: number
  /** How long the calls in flight may take after that, before the connection is dropped. Default: `Infinity`. */
  maxConnectionAgeGrace?: number
  /**
   * Whether calls that a handler makes get its own call as their `parent`: they inherit its deadline and end with it.
   * This uses an `AsyncLocalStorage`, which costs each call some time. Default: `false`.
   */
  propagate?: boolean
  /** How many bytes of answers a client may leave unread before its connection is dropped. Default: 64 MiB. */
  maxOutgoingBytes?: number
  /** How long `close()` waits for clients to leave. Default: 10,000. */
  closeTimeout?: number
  /** Further options of calls over UDP. */
  udp?: UdpServerOptions
  /**
   * Serve over TLS. The server then accepts no connections without TLS. An option that is present but `undefined` is
   * an error. Default: no TLS.
   */
  tls?: ServerTlsOptions
}

/** Where a call comes from. Empty if the connection is a pipe. */
export interface PeerAddress {
  /** The IP address of the peer. */
  address?: string
  /** The port of the peer. */
  port?: number
  /** `'IPv4'` or `'IPv6'`. */
  family?: string
  /**
   * What is known of the peer over TLS, once the handshake is done. The peer of a call always has it if the server
   * has TLS.
   */
  tls?: TlsPeer
}

/** A call, as its handler sees it. */
export interface ServerCall {
  /** The name of the method. */
  readonly method: string
  /** Where the call comes from. */
  readonly peer: PeerAddress
  /** When the caller stops waiting, in milliseconds since 1970, or `undefined` if it set no limit. */
  readonly deadline: number | undefined
  /** Milliseconds until the deadline, or `Infinity` if the caller set no limit. */
  readonly remaining: number
  /**
   * Aborted when the answer is not needed any more: the call was cancelled, its deadline has passed, or its
   * connection was lost.
   */
  readonly signal: AbortSignal
  /** The metadata that the caller sent with the request. */
  readonly metadata: Metadata
  /** Metadata to send with the answer. */
  trailers: MetadataInit | undefined
  /** The request, as the handler receives it. Interceptors may replace it. */
  request: unknown
}

/**
 * A call with a stream, as its handler sees it: a `Duplex` in object mode. Read the messages that the caller streams;
 * write the messages that the handler streams, and call `end()`.
 */
export interface ServerStream<Read = Buffer, Written = Body> extends Duplex, ServerCall {
  write(message: Written, callback?: (error: Error | null | undefined) => void): boolean
  write(message: Written, encoding?: BufferEncoding, callback?: (error: Error | null | undefined) => void): boolean
  end(callback?: () => void): this
  end(message: Written, callback?: () => void): this
  end(message: Written, encoding?: BufferEncoding, callback?: () => void): this
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Read>
}

/**
 * Answers a call, once: with an error, whose `message`, `code`, `status`, `details` and `metadata` reach the caller,
 * or with a reply and metadata. A missing reply is an empty one.
 */
export type Answer = (error?: unknown, reply?: Body | null, metadata?: MetadataInit) => void

/**
 * Answers a call with a stream. If the handler returns or promises something iterable, its items are the messages.
 * Otherwise the messages are what the handler writes to `call`, until it calls `call.end()`.
 */
export type StreamHandler<Request, Call> = (request: Request, call: Call) => unknown

/**
 * A function that runs around every handler. `next()` continues and promises the handler's reply. What the
 * interceptor returns or promises is the reply; `undefined` stands for what `next()` gave.
 */
export type ServerInterceptor = (
  call: ServerCall & { readonly stream: ServerStream | null },
  next: () => Promise<unknown>,
) => unknown

/**
 * Handles the calls of one method. The first of these is its answer: it calls `callback`; it returns or promises
 * bytes, or `null` for an empty reply; it throws or rejects.
 *
 * A promise of `undefined` is an empty reply too, unless the handler calls back. If you use the callback in an async
 * function, declare it as the second parameter.
 */
export type Handler = (
  request: Buffer,
  callback: Answer,
  call: ServerCall,
  // biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers with the callback returns nothing
) => Body | null | undefined | void | PromiseLike<Body | null | undefined | void>

/** How long calls took, in milliseconds. Percentiles are at most an eighth above the exact value. */
export interface Latency {
  /** The number of calls that have ended. */
  count: number
  /** The arithmetic mean. */
  mean: number
  /** The median. */
  p50: number
  /** The 90th percentile. */
  p90: number
  /** The 99th percentile. */
  p99: number
  /** The 99.9th percentile. */
  p999: number
  /** The longest call. */
  max: number
}

/** The counters of one method. */
export interface MethodStats {
  /** Calls that have begun. */
  started: number
  /** Calls that have begun and not ended. */
  pending: number
  /** Calls that have ended, by status. */
  statuses: { [status in StatusName]?: number }
  /** Messages of streams that were received. */
  messagesIn: number
  /** Messages of streams that were sent. */
  messagesOut: number
  /** How long the ended calls took. */
  latency: Latency
}

/** Counters that both clients and servers have. They count from the beginning of the client or server. */
export interface PeerCounts {
  /** Calls that have begun. */
  calls: number
  /** Calls that have begun and not ended. */
  pending: number
  /** Calls that ran out of time; at a server, before the handler answered. */
  timeouts: number
  /**
   * At a client, answers to calls that had already ended. At a server, answers of handlers whose call had already
   * ended.
   */
  lateAnswers: number
  /** Messages of streams that were received. */
  messagesIn: number
  /** Messages of streams that were sent. */
  messagesOut: number
  /** Bytes that were received. */
  bytesIn: number
  /** Bytes that the operating system has accepted for sending. */
  bytesOut: number
  /** Connections that were established. */
  connections: number
  /** Connections that have ended. */
  connectionsClosed: number
  /** Connections that have ended without an orderly goodbye. */
  connectionsLost: number
}

/** What `stats()` returns in addition to the counters. */
export interface Details {
  /** How often each limit was reached, by the name of its option. */
  limits: { [option: string]: number }
  /**
   * Counters by method. Methods that a server does not have are counted as `'_OTHER'`, and so are further names
   * beyond 1,024 in one process, so that names cannot fill the memory.
   */
  methods: { [method: string]: MethodStats }
}

/** The counters of a server. */
export interface ServerCounts extends PeerCounts {
  /** Calls that reached no handler. */
  refused: number
  /** Second and further answers of a handler to one call. */
  extraAnswers: number
  /** Handlers that threw, rejected, answered with something that is not a body, or did not answer. */
  handlerErrors: number
  /** Connections that were refused because of `maxConnections`. */
  connectionsRefused: number
  /** Connections that reached `maxConnectionAge`. */
  aged: number
  /** Connections that were dropped because of `maxCancelsPerSecond`. */
  cancelFloods: number
  /** Over UDP: calls that arrived again and were not run again. */
  duplicates: number
  /**
   * Over UDP: datagrams that were ignored, because they do not belong to the protocol or were one-way calls for which
   * there was no room.
   */
  ignored: number
  /** How often the calls of a connection had to wait because of `maxTimeoutsPerSecond`. */
  timeoutFloods: number
  /**
   * Connections that were dropped because the client showed no secret or a wrong one, or lacks the certificate that
   * the server asks for. Clients that send nothing, or nonsense, count only as lost.
   */
  unauthenticated: number
  /** Connections that ended because the TLS handshake failed. */
  tlsFailures: number
}

/** All counters of a server at one moment. */
export interface ServerSnapshot extends ServerCounts, Details {
  /**
   * Why calls reached no handler: `unknownMethod`, `streams` (the method has other streams), `message` (the request
   * cannot be decoded), or the name of a limit.
   */
  refusals: { [reason: string]: number }
}

/**
 * The counters of a server. Call it for a snapshot of all of them; single numbers are properties, such as
 * `server.stats.calls`.
 */
export interface ServerStats extends Readonly<ServerCounts> {
  (): ServerSnapshot
}

/**
 * Answers calls on a TCP port, a Unix socket or pipe, and with `bindUdp` over UDP.
 *
 * Events: `'listening'`, `'close'` and `'error'` as with `net.Server`; `'connection'` and `'disconnect'` for clients
 * that come and go; `'drop'` for a connection above `maxConnections`; `'protocolError'` for a peer that broke the
 * protocol or could not prove who it is; `'handlerError'` for a handler that threw, rejected or gave no usable
 * answer.
 */
export class Server extends EventEmitter {
  constructor(options?: ServerOptions)
  /** Whether the server is listening for connections. */
  readonly listening: boolean
  /** The counters of this server. */
  readonly stats: ServerStats
  /**
   * What the health method answers. With `false`, balancing clients that have ejected this server do not come back.
   * Default: `true`.
   */
  healthy: boolean
  /** Adds a method, before or while listening. `handler` answers its calls. Returns the server. */
  method(name: string, handler: Handler): this
  /** Adds a method that answers with a stream. */
  method(
    name: string,
    options: { clientStreaming?: false; serverStreaming: true },
    handler: StreamHandler<Buffer, ServerStream<never>>,
  ): this
  /** Adds a method with a stream in both directions. */
  method(
    name: string,
    options: { clientStreaming: true; serverStreaming: true },
    handler: StreamHandler<ServerStream, ServerStream>,
  ): this
  /** Adds a method that takes a stream of requests and gives one reply. */
  method(
    name: string,
    options: { clientStreaming: true; serverStreaming?: false },
    handler: (
      requests: ServerStream<Buffer, never>,
      callback: Answer,
      call: ServerStream<Buffer, never>,
    ) => ReturnType<Handler>,
  ): this
  /**
   * Adds the methods of a service of a schema. Handlers are named like the methods, with a lower-case first letter. A
   * method without a handler is unknown to callers; a handler without a method is an error.
   */
  addService<S>(service: S, handlers: ServiceHandlers<S>): this
  /** Adds an interceptor. The first one is the outermost. */
  use(interceptor: ServerInterceptor): this
  /**
   * Starts listening, as `net.Server.listen` does. Without a host the server listens on `127.0.0.1` (`::1` with
   * `ipv6Only`), so that only this machine can reach it. Use `'0.0.0.0'` or `'::'` to open it to others, together
   * with `secret` or `tls`.
   */
  listen(port?: number, hostname?: string, backlog?: number, listeningListener?: () => void): this
  listen(port?: number, hostname?: string, listeningListener?: () => void): this
  listen(port?: number, listeningListener?: () => void): this
  /** `where` reads like the target of a client, `'host:port'`, `'[::1]:port'` or `'unix:path'`; without a colon it is a path. */
  listen(where: string, listeningListener?: () => void): this
  listen(options: ListenOptions, listeningListener?: () => void): this
  /** The address that the server listens on, as `net.Server.address()`. */
  address(): AddressInfo | string | null
  /**
   * Replaces the options of TLS for new connections, for example because a certificate expires. Existing connections
   * stay as they are.
   */
  setSecureContext(options: ServerTlsOptions): void
  /**
   * Accepts calls over UDP as well, or only: on a port, `'host:port'` or an object. Without a host only this machine
   * can reach it. A server with `secret` or `tls` refuses it.
   */
  bindUdp(where: number | string | UdpPlace, callback?: () => void): this
  /** The address of the UDP socket, or `null` if it is not bound yet. */
  udpAddress(): AddressInfo | null
  /**
   * Stops accepting connections, lets the calls in flight finish, and calls back when the last client has left, or
   * after `closeTimeout`. Without a callback it returns a promise.
   */
  close(callback: (error?: Error) => void): void
  /** The same with a promise. */
  close(): Promise<void>
  /** Drops every connection at once. Calls in flight fail. */
  closeAllConnections(): void
  /** Lets the server keep the process running, as it does from the start. */
  ref(): this
  /** Lets the process exit although the server is open. */
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

/** How a client reconnects after it lost its server. */
export interface ReconnectOptions {
  /**
   * Milliseconds before the first attempt. The delay doubles for each further one, and half of it is random. Default:
   * 100.
   */
  initialDelay?: number
  /** The longest delay, in milliseconds. Default: 10,000. */
  maxDelay?: number
  /** After how many failed attempts in a row the client gives up. Default: `Infinity`. */
  maxAttempts?: number
}

/** Options of a client. */
export interface ClientOptions extends PeerOptions {
  /** How many milliseconds a call may take if it does not say so itself. Default: 30,000. */
  timeout?: number
  /** Whether and how to reconnect. Default: `true`. */
  reconnect?: boolean | ReconnectOptions
  /**
   * Whether calls that cannot be sent yet wait, up to their deadline. With `false` they fail at once. Default:
   * `true`.
   */
  queue?: boolean
  /**
   * How many unanswered calls there may be at once, 1 to 65,536. The server's own limit applies too. Further calls
   * wait. Default: 4,096.
   */
  maxInFlight?: number
  /** How many calls may wait. Further ones fail with `IRONWIRE_RPC_TOO_MANY_CALLS`. Default: 65,536. */
  maxQueuedCalls?: number
  /** How many bytes the bodies of waiting calls may take. Default: 64 MiB. */
  maxQueuedBytes?: number
  /** How often idempotent calls that the server may have seen are made again; `false` for never. */
  retry?: false | RetryOptions
  /** How a client with several addresses chooses among them. */
  balance?: BalanceOptions
  /** Further options of a client of `'udp://…'`. */
  udp?: UdpClientOptions
  /** The secret of the registry that names the addresses, or `null` if the registry has none. Default: `secret`. */
  registrySecret?: Secret | readonly Secret[] | null
  /**
   * Use TLS for every connection and check the servers with these options. Without it, only addresses that begin with
   * `'tls://'` use TLS, and their servers are checked as Node does it by default. An option that is present but
   * `undefined` is an error.
   */
  tls?: ClientTlsOptions
  /**
   * Options of TLS for the registry that names the addresses, or `null` if the registry has no TLS. Default: `tls`
   * without its `servername`.
   */
  registryTls?: ClientTlsOptions | null
}

/** The budget of calls that are made again. It keeps retries from overloading a service that is in trouble. */
export interface RetryOptions {
  /** The share of all calls that may be made again, 0 to 1. Default: 0.1. */
  ratio?: number
  /** How many more may be made again per second. Default: 10. */
  perSecond?: number
  /** How often one call is made again at most. Default: 3. */
  attempts?: number
}

/** How a client with several addresses chooses among them. */
export interface BalanceOptions {
  /**
   * `'least-loaded'` compares two random addresses and takes the one with less load; `'round-robin'` uses them in
   * turn. Both respect weights. Default: `'least-loaded'`.
   */
  policy?: 'least-loaded' | 'round-robin'
  /** Prefer addresses of this zone while there is one. Default: no zone. */
  zone?: string
  /**
   * After how many timeouts, without an answer in between, an address gets no calls until its health check succeeds.
   * Default: 5.
   */
  ejectAfter?: number
}

/** Options of a call with streams. */
export interface StreamCallOptions {
  /**
   * How many milliseconds the call may take; 0 or `Infinity` for no limit. Default: the client's `timeout` for a call
   * without streams, no limit for a call with streams.
   */
  timeout?: number
  /** The moment at which the call must have ended: a `Date`, or milliseconds since 1970. Instead of `timeout`. */
  deadline?: number | Date
  /** Cancels the call when it is aborted, at the server too. */
  signal?: AbortSignal
  /** Metadata to send with the request. */
  metadata?: MetadataInit
  /**
   * The call whose handler makes this one. Its deadline applies here too, and when it is cancelled, so is this call.
   */
  parent?: ServerCall
}

/** Options of a call without streams. */
export interface CallOptions extends StreamCallOptions {
  /** Send the call and expect no answer. The call ends, without a reply, when it is written. Default: `false`. */
  oneWay?: boolean
  /**
   * Whether the server may see the call twice. Then it is made again if its connection is lost. Default: `false`;
   * over UDP `true`.
   */
  idempotent?: boolean
  /**
   * After how many milliseconds without an answer an idempotent call is made a second time at another address. The
   * first answer counts. Default: never.
   */
  hedge?: number
}

/** A call that was made. */
export interface ClientCall {
  /**
   * Cancels the call, at the server too. Its callback gets an error with the name `'AbortError'`, the code
   * `IRONWIRE_RPC_ABORTED` and `reason` as its `cause`.
   */
  cancel(reason?: unknown): void
}

/**
 * A call with streams, as its caller sees it: a `Duplex` in object mode. Write the messages that the client streams
 * and call `end()`; read the messages that the server streams.
 */
export interface ClientStream<Written = Body, Read = Buffer, Reply = Buffer> extends Duplex, ClientCall {
  write(message: Written, callback?: (error: Error | null | undefined) => void): boolean
  write(message: Written, encoding?: BufferEncoding, callback?: (error: Error | null | undefined) => void): boolean
  end(callback?: () => void): this
  end(message: Written, callback?: () => void): this
  end(message: Written, encoding?: BufferEncoding, callback?: () => void): this
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Read>
  /** The reply to a stream of requests. `undefined` if the server answers with a stream. */
  readonly reply: Promise<Reply>
  /** The metadata that came with the end of the answer. */
  readonly trailers: Metadata | undefined
}

/** A call, as a client's interceptors see it. */
export interface InterceptedCall extends ClientCall {
  /** The name of the method. */
  readonly method: string
  /** The request. You may replace it. */
  request: unknown
  /** The metadata to send. You may add to it. */
  readonly metadata: Metadata
  /** The stream of the call, or `null` if it has none. */
  readonly stream: ClientStream<unknown, unknown, unknown> | null
  /** The metadata of the answer, once it has arrived. */
  readonly trailers: Metadata | undefined
}

/**
 * A function that runs around every call. `next()` makes the call and promises the reply. For a call without a stream
 * you may call it again, to retry. What the interceptor returns or promises is the reply; `undefined` stands for what
 * `next()` gave.
 */
export type ClientInterceptor = (call: InterceptedCall, next: () => Promise<unknown>) => unknown

/** A call for `client.all`: a method's name, or a function of a service; the request; the options. */
export type CallToMake =
  // biome-ignore lint/suspicious/noExplicitAny: methods of all types stand side by side
  readonly [method: string | ((...args: any[]) => any), request?: unknown, options?: CallOptions]

/** The counters of a client. A call that is made again, or a second time for a hedge, counts once. */
export interface ClientCounts extends PeerCounts {
  /** Calls that ended with a reply. */
  replies: number
  /** One-way calls, which have no answer. */
  oneWay: number
  /** Calls that ended without a reply, for any reason. */
  errors: number
  /** How often calls were made again. */
  retries: number
  /** Calls that waited before they were sent. */
  queued: number
  /** Answers to calls that were never made or were already answered. */
  unknownAnswers: number
  /** Attempts to connect that failed. */
  connectionsFailed: number
}

/** All counters of a client at one moment. */
export interface ClientSnapshot extends ClientCounts, Details {}

/**
 * The counters of a client. Call it for a snapshot of all of them; single numbers are properties, such as
 * `client.stats.calls`.
 */
export interface ClientStats extends Readonly<ClientCounts> {
  (): ClientSnapshot
}

/** What `node:diagnostics_channel` publishes about a call. The start and the end of a call have the same object. */
interface CallMessage {
  /** The name of the method. */
  method: string | undefined
  /** When the call began, as `performance.now()` counts. */
  began: number
  /** At the end: how many milliseconds the call took. */
  duration: number | undefined
  /** At the end: the status code. */
  status: number | undefined
  /** At the end: the name of the status. */
  statusName: StatusName | undefined
}

/** Published on `ironwire.rpc.client.call.start` and `ironwire.rpc.client.call.end`. */
export interface ClientCallMessage extends CallMessage {
  /** The client that made the call. */
  client: Client
  /** The address that the call went to. For a client with several addresses it is known at the end only. */
  target: string | undefined
  /** At the end: why the call failed, or `null`. */
  error?: RpcError | null
  /** At the end: whether the server may have seen the request. */
  sent?: boolean
}

/** Published on `ironwire.rpc.server.call.start` and `ironwire.rpc.server.call.end`. */
export interface ServerCallMessage extends CallMessage {
  /** The server that received the call. */
  server: Server
  /** Where the call comes from. */
  peer: PeerAddress
  /** At the end: the code of the error that the caller gets, if it has one. */
  code?: string
}

/** Published on `ironwire.rpc.client.connection.open` and `ironwire.rpc.client.connection.close`. */
export interface ClientConnectionMessage {
  /** The client that has the connection. */
  client: Client
  /** The address of the server. */
  target: string
  /** On `close`: why the connection ended, or `null` if it ended in order. */
  error?: Error | null
}

/** Published on `ironwire.rpc.server.connection.open` and `ironwire.rpc.server.connection.close`. */
export interface ServerConnectionMessage {
  /** The server that has the connection. */
  server: Server
  /** Where the connection comes from. */
  peer: PeerAddress
  /** On `close`: why the connection ended, or `null` if it ended in order. */
  error?: Error | null
}

/** Published on `ironwire.rpc.client.limit` and `ironwire.rpc.server.limit` when a limit is reached. */
export interface LimitMessage {
  /** The name of the option. */
  limit: string
  /** The value of the limit. */
  value: number
  /** The client that reached it. */
  client?: Client
  /** The address that the client is connected to. */
  target?: string
  /** The server that reached it. */
  server?: Server
  /** The client of the server that reached it. */
  peer?: PeerAddress
}

/** Further counters of a client over UDP. */
export interface UdpClientCounts {
  /** Datagrams that were sent again. */
  resends: number
  /** Datagrams that were ignored because they do not belong to the protocol. */
  ignored: number
}

/** The counters of a client over UDP. */
export interface UdpClientStats extends ClientStats, Readonly<UdpClientCounts> {
  (): ClientSnapshot & UdpClientCounts
}

/**
 * Calls the methods of one server over UDP. Use it for small calls that may run twice: each request and each reply is
 * one datagram. Streams fail with `IRONWIRE_RPC_UNSUPPORTED`.
 */
export interface UdpClient extends Client {
  /** The counters of this client. */
  readonly stats: UdpClientStats
}

/**
 * Calls the methods of one server. The client connects at once and reconnects by itself.
 *
 * Events: `'connect'` and `'disconnect'`; `'reconnect'` before each further attempt; `'error'` when the client gives
 * up; `'close'` when it has ended.
 */
export class Client extends EventEmitter {
  /** The same as {@link connect} with one address. */
  constructor(target: Target, options?: ClientOptions)
  /** Whether calls can be sent right now. */
  readonly connected: boolean
  /** The number of calls that have not ended. */
  readonly pending: number
  /** The counters of this client. */
  readonly stats: ClientStats
  /**
   * Calls a method. The callback is called exactly once, never before `call()` returns. Without a callback the result
   * is a promise of the reply. You may change the body as soon as `call()` returns.
   *
   * Errors are {@link RpcError}s; their `sent` says whether the server may have seen the request.
   */
  call(method: string, body: Body | null | undefined, callback: ReplyCallback): ClientCall
  /** The same without a body. */
  call(method: string, callback: ReplyCallback): ClientCall
  /** The same with options. */
  call(
    method: string,
    body: Body | null | undefined,
    options: CallOptions | undefined,
    callback: ReplyCallback,
  ): ClientCall
  /** The same with a promise. */
  call(method: string, body?: Body | null, options?: CallOptions): Promise<Buffer>
  /**
   * Calls a method with streams. By default the server streams its answer; `clientStreaming` says that the client
   * streams its requests, `serverStreaming: false` that there is one reply. `requests` may be any iterable; without
   * it, write to the returned stream.
   *
   * @example
   * ```js
   * for await (const message of client.stream('ticks')) console.log(message)
   * const reply = await client.stream('sum', [one, two], { clientStreaming: true, serverStreaming: false })
   * ```
   */
  stream(
    method: string,
    request?: Body | null,
    options?: StreamCallOptions & { clientStreaming?: false; serverStreaming?: true },
  ): ClientStream<never>
  stream(
    method: string,
    requests: Messages<Body> | null | undefined,
    options: StreamCallOptions & { clientStreaming: true; serverStreaming?: true },
  ): ClientStream
  stream(
    method: string,
    requests: Messages<Body>,
    options: StreamCallOptions & { clientStreaming: true; serverStreaming: false },
  ): Promise<Buffer>
  stream(
    method: string,
    requests: null | undefined,
    options: StreamCallOptions & { clientStreaming: true; serverStreaming: false },
  ): ClientStream<Body, never>
  /** The same with a callback. */
  stream(
    method: string,
    requests: Messages<Body> | null | undefined,
    options: StreamCallOptions & { clientStreaming: true; serverStreaming: false },
    callback: ReplyCallback,
  ): ClientStream<Body, never>
  /**
   * The methods of a service of a schema, as functions. They are named like the methods, with a lower-case first
   * letter.
   */
  service<S>(service: S): ServiceClient<S>
  /**
   * Makes several calls at once. The replies are in the order of the calls. The first error cancels the other calls.
   * Without a callback the result is a promise.
   */
  // biome-ignore lint/suspicious/noExplicitAny: replies are of the types that the methods have
  all(calls: Iterable<CallToMake>, callback: (error: RpcError | null, replies: any[]) => void): void
  // biome-ignore lint/suspicious/noExplicitAny: replies are of the types that the methods have
  all(calls: Iterable<CallToMake>): Promise<any[]>
  /** Adds an interceptor. The first one is the outermost. */
  use(interceptor: ClientInterceptor): this
  /**
   * Accepts no new calls and calls back when all calls that were made have ended. Without a callback it returns a
   * promise.
   */
  close(callback: () => void): void
  /** The same with a promise. */
  close(): Promise<void>
  /** Closes the client at once. Calls that have not ended fail with `IRONWIRE_RPC_CLOSED`. */
  destroy(): this
  /** Lets the client keep the process running, as it does from the start. */
  ref(): this
  /** Lets the process exit although the client is open. */
  unref(): this
  on(event: 'connect' | 'close', listener: () => void): this
  on(event: 'disconnect' | 'error', listener: (error: Error) => void): this
  on(event: 'reconnect', listener: (info: { attempt: number; delay: number; error: Error }) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** One of the addresses of a client with several. */
export interface Member {
  /** The address as text, such as `'10.0.0.1:3001'`. */
  address: string
  /** The id of the instance, if it has one. */
  id: string | undefined
  /** Its share of the calls. */
  weight: number
  /** Whether there is a connection. */
  connected: boolean
  /** Whether it gets no calls because it is connected and does not answer. */
  ejected: boolean
  /** Calls in flight to this address. */
  pending: number
}

/** Further counters of a client with several addresses. */
export interface BalancedClientCounts {
  /** How often an address was ejected. */
  ejections: number
  /** Calls that were made a second time because the first took long. */
  hedges: number
}

/** The counters of a client with several addresses. */
export interface BalancedClientStats extends ClientStats, Readonly<BalancedClientCounts> {
  (): ClientSnapshot & BalancedClientCounts
}

/**
 * Calls the methods of several servers that share the work. See `docs/addressing.md`.
 *
 * Events in addition to those of {@link Client}: `'addresses'` when the addresses change, `'resolveError'` when they
 * cannot be found out. Such a client never emits `'error'`.
 */
export interface BalancedClient extends Client {
  /** The counters of this client. */
  readonly stats: BalancedClientStats
  /** All addresses that the client knows now. */
  readonly addresses: Member[]
  on(event: 'connect' | 'close', listener: () => void): this
  on(event: 'disconnect' | 'error' | 'resolveError', listener: (error: Error) => void): this
  on(event: 'addresses', listener: (addresses: Member[]) => void): this
  on(
    event: 'reconnect',
    listener: (info: { attempt: number; delay: number; error: Error; address: string }) => void,
  ): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/**
 * One server: `'host:port'`, `'[::1]:port'`, `'tcp://host:port'`, `'tls://host:port'`, `'unix:path'`, a path (with a
 * separator in it), a port of localhost, or a {@link Place}.
 */
export type Target = string | number | Place

/**
 * The parts of an address. `host` defaults to `'localhost'`. `tls` says to use TLS, `servername` whose certificate to
 * expect if it is not the host's.
 */
export type Place = ({ host?: string; port: number } | { path: string }) & { tls?: boolean; servername?: string }

/** One of the addresses of a client with several. */
export type ListedAddress = (Place | { address: string; servername?: string }) & {
  /** Tells it from another one at the same place. */
  id?: string
  /** Its share of the calls, 0 or more; 0 for none. Default: 1. */
  weight?: number
  /** Where it runs. See {@link BalanceOptions.zone}. Default: `''`. */
  zone?: string
}

/** An address that a {@link Resolver} gives: a listed address, and its priority. */
export type Address = ListedAddress & {
  /** The addresses with the lowest number get all calls as long as one of them is usable. Default: 0. */
  priority?: number
}

/** Finds out the addresses of a client. See `docs/addressing.md`. */
export interface Resolver {
  /**
   * Called once. Call `update(null, addresses)` with all addresses, and again whenever they change; call
   * `update(error)` if they cannot be found out, and the client keeps what it had. `close()` of the returned object
   * is called when the client ends, `refresh()` when an address cannot be reached.
   */
  resolve(update: (error: Error | null, addresses?: (string | number | Address)[]) => void): {
    close(): void
    refresh?(): void
  }
}

/**
 * Creates a server. Add methods to it and call `listen()`.
 *
 * @example
 * ```js
 * const server = rpc.createServer({ maxConcurrency: 100 })
 * server.method('echo', (request) => request)
 * server.listen(3001)
 * ```
 */
export function createServer(options?: ServerOptions): Server
/**
 * Creates a client that balances its calls over several addresses: a list, the instances of a service in a registry
 * or in etcd, what DNS says (`'dns://name:port'`, or SRV records by `'dns://_service._tcp.name'`), or what a resolver
 * gives.
 */
export function connect(
  target:
    | (string | number | ListedAddress)[]
    | Resolver
    | `registry://${string}`
    | `etcd://${string}`
    | `dns://${string}`,
  options?: ClientOptions,
): BalancedClient
/** Creates a client that calls a server over UDP. The server must have called `bindUdp`. */
export function connect(target: `udp://${string}`, options?: ClientOptions): UdpClient
/**
 * Creates a client of one server. It connects at once and reconnects by itself.
 *
 * @throws `ERR_INVALID_ARG_VALUE` for a target that cannot be read. The message lists the forms.
 */
export function connect(target: Target, options?: ClientOptions): Client

/** Options of an addressing server (a registry). */
export interface RegistryOptions {
  /** The folder in which registrations survive a restart. Without it they are kept in memory only. */
  folder?: string
  /** The shortest lease, in milliseconds. Shorter ones are extended to it. Default: 1,000. */
  minLease?: number
  /**
   * The longest lease, in milliseconds. Longer ones are shortened to it. Default: 3,600,000, or `minLease` if that is
   * more.
   */
  maxLease?: number
  /** How many services there may be at once. Default: 10,000. */
  maxServices?: number
  /** How many instances all services together may have. Default: 100,000. */
  maxInstances?: number
  /** How many instances one service may have. Default: 10,000. */
  maxInstancesPerService?: number
  /**
   * How many bytes the instances of one service may take, because they are sent in one frame. At most 15 MiB.
   * Default: 8 MiB.
   */
  maxServiceBytes?: number
  /** How many bytes of metadata one instance may have, at most 65,536. Default: 4,096. */
  maxMetadataBytes?: number
  /** How many watches there may be at once. Default: 65,536. */
  maxWatches?: number
  /** After how many records a snapshot replaces the journal. Default: 10,000. */
  recordsPerSnapshot?: number
  /** The secret that clients of the registry must know. A registry accepts any of several. */
  secret?: Secret | readonly Secret[]
  /** Serve over TLS only. */
  tls?: ServerTlsOptions
  /** Further options of the server that the registry runs on. */
  server?: ServerOptions
}

/**
 * An addressing server: it knows which services there are and where their instances are reached. See
 * `docs/addressing.md`.
 *
 * Events: `'listening'`, `'close'` and `'error'` as with `net.Server` (`IRONWIRE_REGISTRY_LOCKED` if another registry
 * uses the folder); `'damaged'` if a file of the folder was not whole; `'storageError'` when the disk begins to fail;
 * `'protocolError'` as with {@link Server}.
 */
export interface Registry extends EventEmitter {
  /** Whether the registry is listening for connections. */
  readonly listening: boolean
  /** Replaces the options of TLS for new connections. */
  setSecureContext(options: ServerTlsOptions): void
  /**
   * What the registry knows. The values are `undefined` while its folder is being opened and after it was closed.
   * `epoch` changes when a registry without a folder is restarted.
   */
  readonly stats: {
    epoch: string | undefined
    services: number | undefined
    instances: number | undefined
    watches: number | undefined
  }
  /**
   * Starts listening, as {@link Server.listen} does: on `127.0.0.1` unless you name a host. The default port is 7400.
   */
  listen(port?: number, hostname?: string, listeningListener?: () => void): this
  listen(path: string, listeningListener?: () => void): this
  listen(options: ListenOptions, listeningListener?: () => void): this
  /** The address that the registry listens on, as `net.Server.address()`. */
  address(): AddressInfo | string | null
  /**
   * Stops accepting connections, ends watches so that their clients look elsewhere, and calls back when all clients
   * have left. Without a callback it returns a promise.
   */
  close(callback: (error?: Error) => void): void
  /** The same with a promise. */
  close(): Promise<void>
  /** Lets the registry keep the process running, as it does from the start. */
  ref(): this
  /** Lets the process exit although the registry is open. */
  unref(): this
  on(event: 'listening' | 'close', listener: () => void): this
  on(event: 'error' | 'damaged' | 'storageError', listener: (error: Error) => void): this
  on(event: 'protocolError', listener: (error: RpcError, peer: PeerAddress) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** An instance of a service to register: where it is reached, and how clients should treat it. */
export interface InstanceOptions {
  /**
   * Its id, unique within the service. If another process registers the same id, it takes over. Default: a random
   * UUID.
   */
  id?: string
  /**
   * The host at which clients reach it. Default: `127.0.0.1` if the registry is on this machine too; otherwise you
   * must give it.
   */
  host?: string
  /** The port at which clients reach it. */
  port?: number
  /** Instead of `host` and `port`: the address as text. */
  address?: string
  /** Its share of the calls, a whole number from 0 (none) to 65,535. Default: 1. */
  weight?: number
  /** Where it runs. Clients may prefer their own zone. Default: `''`. */
  zone?: string
  /** Anything else that clients should know, as text by name. */
  metadata?: Record<string, string>
  /**
   * How many milliseconds it stays known after its last sign of life, within the limits of the registry. Default:
   * 15,000.
   */
  lease?: number
}

/** An instance of a service, as the registry knows it. */
export interface Instance {
  /** Its id, unique within the service. */
  id: string
  /** Where it is reached. */
  address: string
  /** Its share of the calls; 0 for none. */
  weight: number
  /** Where it runs, or `''`. */
  zone: string
  /** What else it says about itself. */
  metadata: Record<string, string>
}

/**
 * An instance that this process keeps registered until you close it. If the registry loses it, it is registered
 * again.
 *
 * Events: `'registered'` each time that the registry has accepted it; `'lost'` when the registry has forgotten it;
 * `'retry'` when an attempt failed and another follows; `'error'` when it ends because it will never be accepted
 * (`IRONWIRE_REGISTRY_INVALID`, `IRONWIRE_REGISTRY_REPLACED`, `IRONWIRE_RPC_UNAUTHENTICATED`); `'close'`.
 */
export interface Registration extends EventEmitter {
  /** The id of the instance. */
  readonly id: string
  /** The name of the service. */
  readonly service: string
  /** Whether the registry knows the instance, as far as this process can tell. */
  readonly registered: boolean
  /**
   * Removes the instance from the registry. If that fails, its lease expires by itself. Without a callback it returns
   * a promise.
   */
  close(callback: (error: Error | null) => void): void
  /** The same with a promise. */
  close(): Promise<void>
  on(event: 'registered' | 'lost' | 'close', listener: () => void): this
  on(event: 'retry' | 'error', listener: (error: Error) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** A client of an addressing server, or of etcd in its place. */
export interface RegistryClient extends EventEmitter {
  /** Registers an instance of `service` and keeps it registered until the registration is closed. */
  register(service: string, instance: InstanceOptions): Registration
  /**
   * Calls `onChange` with all instances of a service, now and whenever they change. `epoch` changes when the registry
   * has lost what it knew. `onError` is called when asking fails; the watch then tries again.
   */
  watch(
    service: string,
    onChange: (instances: Instance[], epoch: string) => void,
    onError?: (error: Error) => void,
  ): { close(): void }
  /** Lists all services, with the number of their instances. Without a callback it returns a promise. */
  list(callback: (error: Error | null, services: { name: string; instances: number }[]) => void): void
  /** The same with a promise. */
  list(): Promise<{ name: string; instances: number }[]>
  /** Removes all registrations, ends all watches and closes the client. Without a callback it returns a promise. */
  close(callback: () => void): void
  /** The same with a promise. */
  close(): Promise<void>
  /** Closes the client at once. Registrations stay until their leases expire. */
  destroy(): this
  /** Lets the client keep the process running, as it does from the start. */
  ref(): this
  /** Lets the process exit although the client is open. */
  unref(): this
  on(event: 'connect', listener: () => void): this
  on(event: 'disconnect' | 'error', listener: (error: Error) => void): this
  /** Not emitted by a client of etcd. */
  on(event: 'reconnect', listener: (info: { attempt: number; delay: number; error: Error }) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/**
 * The counters of all clients and servers of this process, including those that no longer exist, in Prometheus' text
 * format 0.0.4. Send it with the content type `text/plain; version=0.0.4; charset=utf-8`.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function metrics(): string

/** Creates an addressing server. Call `listen()` on it. */
export function createRegistry(options?: RegistryOptions): Registry
/**
 * Creates a client that uses etcd in place of the addressing server. The port is 2379 if the target names none. If
 * etcd asks for a name and a password, write them before the hosts (`'etcd://user:password@host'`) or give them as
 * options. The default `timeout` is 10,000 ms.
 */
export function connectRegistry(target: `etcd://${string}`, options?: EtcdOptions): RegistryClient
/** Creates a client of an addressing server. Default: `'registry://localhost:7400'`. */
export function connectRegistry(
  target?: string,
  options?: { secret?: Secret | readonly Secret[]; tls?: ClientTlsOptions },
): RegistryClient
