/**
 * Remote calls over one connection: many in flight, answered in any order. `docs/rpc.md` explains the behaviour,
 * `docs/rpc-protocol.md` the bytes.
 */

import type { KeyObject } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { AddressInfo, DropArgument, ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
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

/** Body of a request or reply. */
export type Body = Uint8Array

/** How a call ends: with an error, or with the reply and what metadata the server sent with it. */
export type ReplyCallback = ResultCallback<Buffer>

/** The numbers of gRPC's statuses. */
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

/** The name of a status. */
export type StatusName = keyof typeof status

/** Text, or bytes where the key ends in `-bin`. */
export type MetadataValue = string | Uint8Array

/** What metadata can be made of. */
export type MetadataInit =
  | Metadata
  | Iterable<readonly [string, MetadataValue]>
  | { readonly [key: string]: MetadataValue | readonly MetadataValue[] | null | undefined }

/** What travels beside the bodies of a call. Keys are in lower case and have one value or more; the methods are those of `Headers`. */
export class Metadata implements Iterable<[string, string | Buffer]> {
  constructor(init?: MetadataInit | null)
  /** The last value of the key. */
  get(key: `${string}-bin`): Buffer | undefined
  get(key: string): string | undefined
  getAll(key: `${string}-bin`): Buffer[]
  getAll(key: string): string[]
  has(key: string): boolean
  /** The key has this value and no other. */
  set(key: string, value: MetadataValue): this
  /** The key has this value too. */
  append(key: string, value: MetadataValue): this
  delete(key: string): boolean
  /** Values of all keys together. */
  readonly size: number;
  [Symbol.iterator](): IterableIterator<[string, string | Buffer]>
  toJSON(): Record<string, (string | Buffer)[]>
}

/** Why a call failed. */
export class RpcError extends Error {
  /** One of the `IRONWIRE_RPC_…` codes, or the code of the error that the handler gave. */
  code: string
  /** gRPC's status of it, a number of {@link status}, and its name. */
  status: number
  readonly statusName: StatusName
  /** What the handler sent with the error: bytes, and metadata. */
  details?: Buffer
  metadata?: Metadata
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

/** What a handler fails a call with, other than UNKNOWN. Any error with these properties does the same. */
export class StatusError extends Error {
  constructor(
    status: number,
    message?: string,
    options?: { code?: string; details?: Uint8Array; metadata?: MetadataInit },
  )
  status: number
  readonly statusName: StatusName
  code?: string
  details?: Uint8Array
  metadata?: MetadataInit
}

/** What both ends of a connection know: 16 bytes or more, better 32 random ones. */
export type Secret = string | Uint8Array | KeyObject

/** Options that both ends share. Durations are milliseconds; 0 or `Infinity` switches one off. */
export interface PeerOptions {
  /** Largest frame to accept, in bytes, 1,024 to 4,294,967,291. Default 16 MiB. */
  maxFrameBytes?: number
  /** How long the peer may take for the handshake of TLS, then to introduce itself, and with a secret to prove it. Default 10,000. */
  handshakeTimeout?: number
  /** Silence after which the peer is asked whether it is still there. Default 30,000. */
  pingInterval?: number
  /** How long it may take to answer that. Default 10,000. */
  pingTimeout?: number
  /** Bytes that may be under way to this end in one stream of messages, 1,024 to 67,107,840. Default 1 MiB. */
  streamWindow?: number
  /** Bytes of memory that may wait at this end, of unanswered requests and of messages not taken, before the connection is not read.
   * Default 64 MiB. */
  maxPendingBytes?: number
  /** Bytes of metadata that may come with a request or an answer, at most 65,535. Default 8,192. */
  maxMetadataBytes?: number
  /** And values. Default 128. */
  maxMetadataEntries?: number
  /**
   * Both ends prove to each other that they know it before anything else is said, and drop who does not. A server takes any of several; a client shows the
   * first. It hides nothing and protects nothing of what follows, which `tls` does. What is there and `undefined` is refused. Default: none.
   */
  secret?: Secret | readonly Secret[]
}

/** Calls over UDP, see `docs/rpc.md`. */
export interface UdpOptions {
  /**
   * Longest datagram that this end sends and takes, in bytes, 512 to 65,507; the lower of both ends' limits holds. Default 1,200, which every link of
   * today's internet carries in one piece, with room for a tunnel's headers. A call is 44 bytes and its method's name longer than its body, a reply 21.
   */
  maxDatagramBytes?: number
}

/** Of a client. */
export interface UdpClientOptions extends UdpOptions {
  /** Milliseconds without an answer after which a call is sent again, as long as no round trip was measured. Default 250: a way around the earth. */
  resendAfter?: number
  /** The most that this grows to, and how often a server is asked whose handler is at work. Default 4,000: a server that is back is found soon. */
  maxResendAfter?: number
  /** Calls under way at once; `maxInFlight` and the server's limit hold too. Default 128, which is what common buffers on the way take at once. */
  maxInFlight?: number
}

/** Of a server. */
export interface UdpServerOptions extends UdpOptions {
  /** Clients at once, which have shown their address and are not silent; others are refused. Default 4,096. */
  maxConnections?: number
  /** Calls that are remembered, the last one of each slot of each connection; others are refused. Default 65,536: 512 clients of 128 calls each. */
  maxAnswers?: number
  /** Bytes that their answers may take, those of handlers at work counted as the longest there may be. Default 16 MiB: 13,000 handlers. */
  maxAnswerBytes?: number
  /** Milliseconds that an answer is kept for who asks again, 1,000 or more. Default 30,000: who waits asks every few seconds. */
  answerLifetime?: number
}

/** Where to bind for calls over UDP. */
export interface UdpPlace {
  /** One that is free, if none is given. */
  port?: number
  /** `127.0.0.1` if none is given (`::1` with `ipv6Only`), where only this machine reaches it. */
  host?: string
  ipv6Only?: boolean
  /** Several processes bind the port, each with clients of its own, where Node and the system can do it. */
  reusePort?: boolean
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
  /** Calls of one connection that its client may cancel in a second, counted from when they ran out; who cancels more is dropped. Default 8,192. */
  maxCancelsPerSecond?: number
  /**
   * Calls of one connection whose time may run out in a second while their handlers are at work, counted in the same way; with more, the connection's further
   * calls wait. Default 8,192.
   */
  maxTimeoutsPerSecond?: number
  /**
   * How long a connection lasts, give or take a tenth, which keeps clients that came together from coming back together. Then the client is asked
   * to connect anew, which loses no call. Default `Infinity`.
   */
  maxConnectionAge?: number
  /** How long the calls in flight may take after that before the connection is dropped. Default `Infinity`. */
  maxConnectionAgeGrace?: number
  /** Calls that handlers make inherit the time that their own call has left, and end with it, also without `parent`. Default `false`. */
  propagate?: boolean
  /** Bytes of answers that a peer may leave unread before its connection is dropped. Default 64 MiB. */
  maxOutgoingBytes?: number
  /** How long `close()` waits for clients to leave. Default 10,000. */
  closeTimeout?: number
  /** What holds for calls over UDP besides. */
  udp?: UdpServerOptions
  /** The server is reached by TLS only, over TCP only. What is there and `undefined` is refused. Default: nothing is encrypted. */
  tls?: ServerTlsOptions
}

/** Where a call comes from; empty on a pipe. */
export interface PeerAddress {
  address?: string
  port?: number
  family?: string
  /** Where there is TLS, once its handshake is done: always, of a call. */
  tls?: TlsPeer
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
  /** What the caller sent beside the request. */
  readonly metadata: Metadata
  /** What goes back with the answer. */
  trailers: MetadataInit | undefined
  /** The request, as the handler gets it. Interceptors may replace it. */
  request: unknown
}

/** A call with a stream, as its handler sees it: what the caller streams can be read, what the handler streams is written. */
export interface ServerStream<Read = Buffer, Written = Body> extends Duplex, ServerCall {
  write(message: Written, callback?: (error: Error | null | undefined) => void): boolean
  write(message: Written, encoding?: BufferEncoding, callback?: (error: Error | null | undefined) => void): boolean
  end(callback?: () => void): this
  end(message: Written, callback?: () => void): this
  end(message: Written, encoding?: BufferEncoding, callback?: () => void): this
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Read>
}

/**
 * Answers a call, once: with an error whose `message`, `code`, `status` and `details` reach the caller, or with a reply, and with metadata.
 */
export type Answer = (error?: unknown, reply?: Body | null, metadata?: MetadataInit) => void

/** Answers with a stream: with what it returns or promises, if that can be iterated, else with what it writes to the call, up to `end()`. */
export type StreamHandler<Request, Call> = (request: Request, call: Call) => unknown

/** Runs around handlers. `next` goes on and promises the reply. What it returns is the reply; nothing stands for what `next` gave. */
export type ServerInterceptor = (
  call: ServerCall & { readonly stream: ServerStream | null },
  next: () => Promise<unknown>,
) => unknown

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

/** How long calls took, in milliseconds: percentiles are at most an eighth above what is exact. */
export interface Latency {
  /** Calls that have ended. */
  count: number
  mean: number
  p50: number
  p90: number
  p99: number
  p999: number
  max: number
}

/** What is counted of one method. */
export interface MethodStats {
  started: number
  /** Calls that have begun and not ended. */
  pending: number
  /** Calls that have ended, by status. */
  statuses: { [status in StatusName]?: number }
  /** Messages of its streams, received and sent. */
  messagesIn: number
  messagesOut: number
  latency: Latency
}

/** What both ends count, from their beginning. */
export interface PeerCounts {
  /** Calls that have begun, and those of them that have not ended. */
  calls: number
  pending: number
  /** Calls that ran out of time; at a server, before the handler answered. */
  timeouts: number
  /** At a client, answers to calls that had ended before; at a server, answers of handlers whose call had. */
  lateAnswers: number
  /** Messages of streams, received and sent. */
  messagesIn: number
  messagesOut: number
  /** Bytes that came, and that the system has taken. */
  bytesIn: number
  bytesOut: number
  /** Connections that were made, that have ended, and those of these that did not end in order. */
  connections: number
  connectionsClosed: number
  connectionsLost: number
}

/** What else a call of `stats` gives. */
export interface Details {
  /** How often each limit was reached, by the name of the option. */
  limits: { [option: string]: number }
  /** Calls by the name of their method. Beyond 1,024 names in a process, and for methods that a server does not have, that is `_OTHER`. */
  methods: { [method: string]: MethodStats }
}

/** What a server counts. */
export interface ServerCounts extends PeerCounts {
  /** Calls that no handler got. */
  refused: number
  /** Second and further answers to one call. */
  extraAnswers: number
  /** Handlers that threw, rejected, answered with something that is no body, or did not answer. */
  handlerErrors: number
  /** Connections above `maxConnections`. */
  connectionsRefused: number
  /** Connections that lasted for `maxConnectionAge`. */
  aged: number
  /** Connections that were dropped for `maxCancelsPerSecond`. */
  cancelFloods: number
  /** Over UDP: calls that came again and were not run again. */
  duplicates: number
  /** And datagrams that were passed over, because they were none of the protocol's, or one-way calls for which there was no room. */
  ignored: number
  /** How often a connection's calls had to wait for `maxTimeoutsPerSecond`. */
  timeoutFloods: number
  /** Connections that were dropped because their client showed no secret, or another one; who says nothing at all, or nonsense, is dropped as without one.
   * And those of clients without the certificate that the server asks for. */
  unauthenticated: number
  /** Connections that ended because there was no TLS with their client. */
  tlsFailures: number
}

/** All of it at one moment. */
export interface ServerSnapshot extends ServerCounts, Details {
  /** Why calls were refused: `unknownMethod`, `streams` (others than the method has), `message` (none of its type), or the name of a limit. */
  refusals: { [reason: string]: number }
}

/** Counts since the server was made: called, it gives all of them; the plain ones are there as properties, too. */
export interface ServerStats extends Readonly<ServerCounts> {
  (): ServerSnapshot
}

/** Takes calls on a port or path. */
export class Server extends EventEmitter {
  constructor(options?: ServerOptions)
  readonly listening: boolean
  readonly stats: ServerStats
  /** What the health method answers: `false` keeps clients that have ejected this server from coming back. Default `true`. */
  healthy: boolean
  /** Adds a method, also while listening. */
  method(name: string, handler: Handler): this
  /** Adds a method that answers with a stream, takes one, or both. */
  method(
    name: string,
    options: { clientStreaming?: false; serverStreaming: true },
    handler: StreamHandler<Buffer, ServerStream<never>>,
  ): this
  method(
    name: string,
    options: { clientStreaming: true; serverStreaming: true },
    handler: StreamHandler<ServerStream, ServerStream>,
  ): this
  method(
    name: string,
    options: { clientStreaming: true; serverStreaming?: false },
    handler: (
      requests: ServerStream<Buffer, never>,
      callback: Answer,
      call: ServerStream<Buffer, never>,
    ) => ReturnType<Handler>,
  ): this
  /** Adds the methods of a service of a schema. Those without a handler are unknown to callers. */
  addService<S>(service: S, handlers: ServiceHandlers<S>): this
  /** Adds an interceptor; the first one is the outermost. */
  use(interceptor: ServerInterceptor): this
  /**
   * As `net.Server`'s, but without a host it listens on 127.0.0.1 (on ::1 with `ipv6Only`), where only this machine reaches it: name `'0.0.0.0'` or
   * `'::'` for all of them, once whatever is there may call.
   */
  listen(port?: number, hostname?: string, backlog?: number, listeningListener?: () => void): this
  listen(port?: number, hostname?: string, listeningListener?: () => void): this
  listen(port?: number, listeningListener?: () => void): this
  listen(path: string, listeningListener?: () => void): this
  listen(options: ListenOptions, listeningListener?: () => void): this
  address(): AddressInfo | string | null
  /** Has connections from now on begin with these options, as with `tls` those before: for a certificate that is about to expire. */
  setSecureContext(options: ServerTlsOptions): void
  /** Takes calls over UDP, beside those that `listen` takes or alone. Without a host it is reached from this machine only. */
  bindUdp(where: number | UdpPlace, callback?: () => void): this
  /** Where it is bound; `null` if it is not, or not yet. */
  udpAddress(): AddressInfo | null
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
  /** How often calls that may have been seen, and say that they may be made twice, are made again; `false` for never. */
  retry?: false | RetryOptions
  /** How a client of several addresses chooses among them. */
  balance?: BalanceOptions
  /** Of a client of `'udp://…'`. */
  udp?: UdpClientOptions
  /** The secret of the registry that names the addresses; `null` where it has none. Default: `secret`. */
  registrySecret?: Secret | readonly Secret[] | null
  /**
   * Whatever is connected to has TLS, and is who it should be. Without it, servers have it whose address begins with `'tls://'`, and are believed as Node
   * believes them. What is there and `undefined` is refused.
   */
  tls?: ClientTlsOptions
  /** The same towards the registry that names the addresses; `null` where it has none. Default: `tls`, but for its `servername`. */
  registryTls?: ClientTlsOptions | null
}

/** The budget of calls that are made again. */
export interface RetryOptions {
  /** Share of all calls, 0 to 1. Default 0.1. */
  ratio?: number
  /** And so many a second. Default 10. */
  perSecond?: number
  /** How often one call is made again at most. Default 3. */
  attempts?: number
}

/** How a client of several addresses chooses among them. */
export interface BalanceOptions {
  /** The less loaded of two by chance, or in turn. Default `'least-loaded'`. */
  policy?: 'least-loaded' | 'round-robin'
  /** Addresses of this zone are preferred as long as there is one. */
  zone?: string
  /** Timeouts without any answer in between, after which an address gets no calls until it is well. Default 5. */
  ejectAfter?: number
}

/** Options of a call with streams. */
export interface StreamCallOptions {
  /** Milliseconds; 0 or `Infinity` waits for ever. */
  timeout?: number
  /** A moment instead: a `Date`, or milliseconds since 1970. */
  deadline?: number | Date
  /** Ends the call, also at the server. */
  signal?: AbortSignal
  /** What travels beside the request. */
  metadata?: MetadataInit
  /** The call of a handler that this one is made for: its time limit holds here too, and when it is cut, so is this one. */
  parent?: ServerCall
}

/** Options of one call. */
export interface CallOptions extends StreamCallOptions {
  /** Nothing is answered: the call ends, with nothing, when it is written. */
  oneWay?: boolean
  /** The server may see the call twice: it is made again when its connection is lost. Over UDP that is so unless this is `false`. */
  idempotent?: boolean
  /** Milliseconds after which an idempotent call is made a second time, elsewhere; the first answer counts. */
  hedge?: number
}

/** A call that was made. */
export interface ClientCall {
  /** Ends it, also at the server: its callback gets an AbortError. */
  cancel(reason?: unknown): void
}

/** A call with streams, as its caller sees it. */
export interface ClientStream<Written = Body, Read = Buffer, Reply = Buffer> extends Duplex, ClientCall {
  write(message: Written, callback?: (error: Error | null | undefined) => void): boolean
  write(message: Written, encoding?: BufferEncoding, callback?: (error: Error | null | undefined) => void): boolean
  end(callback?: () => void): this
  end(message: Written, callback?: () => void): this
  end(message: Written, encoding?: BufferEncoding, callback?: () => void): this
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Read>
  /** The one reply to a stream of requests; `undefined` where the answer is a stream. */
  readonly reply: Promise<Reply>
  /** Metadata that came with the end of the answer. */
  readonly trailers: Metadata | undefined
}

/** A call, as interceptors of a client see it. */
export interface InterceptedCall extends ClientCall {
  readonly method: string
  /** May be replaced. */
  request: unknown
  /** May be added to. */
  readonly metadata: Metadata
  /** Of a call that has one. */
  readonly stream: ClientStream<unknown, unknown, unknown> | null
  /** Metadata of the answer, once it has come. */
  readonly trailers: Metadata | undefined
}

/** Runs around calls. `next` makes the call and promises the reply; without a stream it may be called again. */
export type ClientInterceptor = (call: InterceptedCall, next: () => Promise<unknown>) => unknown

/** A call for `client.all`: a method's name, or a function of a service; its request; its options. */
export type CallToMake =
  // biome-ignore lint/suspicious/noExplicitAny: methods of all types stand side by side
  readonly [method: string | ((...args: any[]) => any), request?: unknown, options?: CallOptions]

/** What a client counts. A call that is made again, or twice for a hedge, is one call. */
export interface ClientCounts extends PeerCounts {
  replies: number
  /** Calls that nobody answers. */
  oneWay: number
  /** Calls that ended without a reply, for whatever reason. */
  errors: number
  /** How often calls were made again. */
  retries: number
  /** Calls that waited before they were sent. */
  queued: number
  /** Answers to calls that were never made, or were answered already. */
  unknownAnswers: number
  /** Attempts to connect that failed. */
  connectionsFailed: number
}

/** All of it at one moment. */
export interface ClientSnapshot extends ClientCounts, Details {}

/** Counts since the client was made: called, it gives all of them; the plain ones are there as properties, too. */
export interface ClientStats extends Readonly<ClientCounts> {
  (): ClientSnapshot
}

/** What `node:diagnostics_channel` publishes of a call: the same object at its start and at its end. */
interface CallMessage {
  method: string | undefined
  /** When it began, by `performance.now()`, and how many milliseconds it took, which is known at its end, as is how that was. */
  began: number
  duration: number | undefined
  status: number | undefined
  statusName: StatusName | undefined
}

/** On `ironwire.rpc.client.call.start` and `ironwire.rpc.client.call.end`. */
export interface ClientCallMessage extends CallMessage {
  client: Client
  /** Where it went, as text: `undefined` for a client of several addresses, before the end. */
  target: string | undefined
  /** At the end: why it failed, or null, and whether the server may have seen it. */
  error?: RpcError | null
  sent?: boolean
}

/** On `ironwire.rpc.server.call.start` and `ironwire.rpc.server.call.end`. */
export interface ServerCallMessage extends CallMessage {
  server: Server
  peer: PeerAddress
  /** At the end: the code of the error that the caller is told, if it has one. */
  code?: string
}

/** On `ironwire.rpc.client.connection.open` and `….close`, which has `error`: why, or null when it ended in order. */
export interface ClientConnectionMessage {
  client: Client
  target: string
  error?: Error | null
}

/** On `ironwire.rpc.server.connection.open` and `….close`. */
export interface ServerConnectionMessage {
  server: Server
  peer: PeerAddress
  error?: Error | null
}

/** On `ironwire.rpc.client.limit` and `ironwire.rpc.server.limit`: a limit was reached. */
export interface LimitMessage {
  /** The name of the option, and its value. */
  limit: string
  value: number
  client?: Client
  target?: string
  server?: Server
  peer?: PeerAddress
}

/** What a client over UDP counts besides. */
export interface UdpClientCounts {
  /** Datagrams that were sent again. */
  resends: number
  /** Datagrams that came and were none of the protocol's. */
  ignored: number
}

export interface UdpClientStats extends ClientStats, Readonly<UdpClientCounts> {
  (): ClientSnapshot & UdpClientCounts
}

/** Calls the methods of one server over UDP: small calls that may run twice, each question and each answer one datagram. */
export interface UdpClient extends Client {
  readonly stats: UdpClientStats
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
  call(method: string, body: Body | null | undefined, callback: ReplyCallback): ClientCall
  call(
    method: string,
    body: Body | null | undefined,
    options: CallOptions | undefined,
    callback: ReplyCallback,
  ): ClientCall
  call(method: string, body?: Body | null, options?: CallOptions): Promise<Buffer>
  /** Calls a method that answers with a stream, and with `clientStreaming` takes one. */
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
  stream(
    method: string,
    requests: Messages<Body> | null | undefined,
    options: StreamCallOptions & { clientStreaming: true; serverStreaming: false },
    callback: ReplyCallback,
  ): ClientStream<Body, never>
  /** The methods of a service of a schema, as functions. */
  service<S>(service: S): ServiceClient<S>
  /** Makes calls at once. The replies are in the order of the calls; the first error cancels the others. */
  // biome-ignore lint/suspicious/noExplicitAny: replies are of the types that the methods have
  all(calls: Iterable<CallToMake>, callback: (error: RpcError | null, replies: any[]) => void): void
  // biome-ignore lint/suspicious/noExplicitAny: replies are of the types that the methods have
  all(calls: Iterable<CallToMake>): Promise<any[]>
  /** Adds an interceptor; the first one is the outermost. */
  use(interceptor: ClientInterceptor): this
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

/** What is known of one of several addresses. */
export interface Member {
  address: string
  id: string | undefined
  weight: number
  connected: boolean
  /** It is connected, and does not answer. */
  ejected: boolean
  /** Calls in flight there. */
  pending: number
}

/** What a client of several addresses counts beside. */
export interface BalancedClientCounts {
  /** How often an address was ejected. */
  ejections: number
  /** Calls that were made a second time because the first took long. */
  hedges: number
}

/** Counts of a client of several addresses. */
export interface BalancedClientStats extends ClientStats, Readonly<BalancedClientCounts> {
  (): ClientSnapshot & BalancedClientCounts
}

/** Calls the methods of servers that share the work, see `docs/addressing.md`. */
export interface BalancedClient extends Client {
  readonly stats: BalancedClientStats
  /** Every address that there is. */
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

/** One place: `'host:port'`, `'[::1]:port'`, `'tcp://host:port'`, `'tls://host:port'`, `'unix:path'`, a port on localhost, a path (with a separator in it), or the parts. */
export type Target = string | number | Place

/** `tls` says that there is TLS, `servername` who is there by it, where that is not `host`. */
export type Place = ({ host?: string; port: number } | { path: string }) & { tls?: boolean; servername?: string }

/** One of several addresses. */
export type Address = (Place | { address: string; servername?: string }) & {
  /** Tells it from another one at the same place. */
  id?: string
  /** Its share of the calls; 0 for none. Default 1. */
  weight?: number
  zone?: string
  /** Those with the lowest number get the calls as long as there is one. Default 0. */
  priority?: number
}

/** Tells a client its addresses: all that there are, again whenever they are others; or why it cannot tell. */
export interface Resolver {
  resolve(update: (error: Error | null, addresses?: Address[]) => void): { close(): void; refresh?(): void }
}

/** A server without methods yet. */
export function createServer(options?: ServerOptions): Server
/** A client of all these addresses. */
export function connect(
  target: (string | number | Address)[] | Resolver | `registry://${string}` | `etcd://${string}` | `dns://${string}`,
  options?: ClientOptions,
): BalancedClient
/** A client over UDP, of a server that has called `bindUdp`. */
export function connect(target: `udp://${string}`, options?: ClientOptions): UdpClient
/** A client that connects to `target` and keeps coming back to it. */
export function connect(target: Target, options?: ClientOptions): Client

/** Options of an addressing server: a folder, and its limits. */
export interface RegistryOptions {
  /** Where it keeps what it knows; in memory only without. */
  folder?: string
  /** The shortest and the longest lease, in milliseconds. Default 1,000 and 3,600,000. */
  minLease?: number
  maxLease?: number
  /** Services at once. Default 10,000. */
  maxServices?: number
  /** Instances of all services. Default 100,000. */
  maxInstances?: number
  /** Instances of one. Default 10,000. */
  maxInstancesPerService?: number
  /** Bytes of one service's instances, which are told in one frame. Default 8 MiB. */
  maxServiceBytes?: number
  /** Bytes of one instance's metadata. Default 4,096. */
  maxMetadataBytes?: number
  /** Watches at once. Default 65,536. */
  maxWatches?: number
  /** Records of the journal before a snapshot takes its place. Default 10,000. */
  recordsPerSnapshot?: number
  /** What its clients have to know. */
  secret?: Secret | readonly Secret[]
  /** It is reached by TLS only. */
  tls?: ServerTlsOptions
  /** Options of the server that it is reached by. */
  server?: ServerOptions
}

/** An addressing server, see `docs/addressing.md`. */
export interface Registry extends EventEmitter {
  readonly listening: boolean
  /** As a server's. */
  setSecureContext(options: ServerTlsOptions): void
  /** What it knows; `undefined` while its folder is being opened, and after its end. */
  readonly stats: {
    epoch: string | undefined
    services: number | undefined
    instances: number | undefined
    watches: number | undefined
  }
  /** As a server's; port 7400 of this machine only, if nothing else is said. */
  listen(port?: number, hostname?: string, listeningListener?: () => void): this
  listen(path: string, listeningListener?: () => void): this
  listen(options: ListenOptions, listeningListener?: () => void): this
  address(): AddressInfo | string | null
  close(callback: (error?: Error) => void): void
  close(): Promise<void>
  ref(): this
  unref(): this
  on(event: 'listening' | 'close', listener: () => void): this
  on(event: 'error' | 'damaged' | 'storageError', listener: (error: Error) => void): this
  on(event: 'protocolError', listener: (error: RpcError, peer: PeerAddress) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** One place where a service is reached, as its server says it. */
export interface InstanceOptions {
  /** Unique within the service; made up when it is left out. */
  id?: string
  /** Where others reach it: a host and a port, or as text. The host is this machine when the registry is on it, too. */
  host?: string
  port?: number
  address?: string
  /** Its share of the calls; 0 for none. Default 1. */
  weight?: number
  zone?: string
  metadata?: Record<string, string>
  /** How long it is known beyond its last sign of life, in milliseconds. Default 15,000. */
  lease?: number
}

/** One place where a service is reached, as the registry tells it. */
export interface Instance {
  id: string
  address: string
  weight: number
  zone: string
  metadata: Record<string, string>
}

/** An instance that is kept known until it is closed. */
export interface Registration extends EventEmitter {
  readonly id: string
  readonly service: string
  /** Whether the registry knows it, as far as one can tell. */
  readonly registered: boolean
  /** Takes it out of the registry. */
  close(callback: (error: Error | null) => void): void
  close(): Promise<void>
  on(event: 'registered' | 'lost' | 'close', listener: () => void): this
  on(event: 'retry' | 'error', listener: (error: Error) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** A client of an addressing server. */
export interface RegistryClient extends EventEmitter {
  /** Has this process known as an instance of `service`, again and again, until the registration is closed. */
  register(service: string, instance: InstanceOptions): Registration
  /** Tells all instances of a service, now and whenever they are others. */
  watch(
    service: string,
    onChange: (instances: Instance[], epoch: string) => void,
    onError?: (error: Error) => void,
  ): { close(): void }
  /** Every service. */
  list(callback: (error: Error | null, services: { name: string; instances: number }[]) => void): void
  list(): Promise<{ name: string; instances: number }[]>
  /** Takes every registration out, and ends. */
  close(callback: () => void): void
  close(): Promise<void>
  /** Ends at once; what was registered is known until its lease ends. */
  destroy(): this
  ref(): this
  unref(): this
  on(event: 'connect', listener: () => void): this
  on(event: 'disconnect' | 'error', listener: (error: Error) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/**
 * What all clients and servers of this process have counted, also those that are gone, in the text format of Prometheus (0.0.4): its content type is
 * `text/plain; version=0.0.4; charset=utf-8`.
 */
export function metrics(): string

/** An addressing server that nobody has registered with yet. */
export function createRegistry(options?: RegistryOptions): Registry
/** A client of etcd in the place of the addressing server, `'etcd://host:port,host2:port'`, with a `user:password@` before the hosts where etcd asks for one. */
export function connectRegistry(
  target: `etcd://${string}`,
  options?: { username?: string; password?: string; tls?: ClientTlsOptions; timeout?: number },
): RegistryClient
/** A client of the addressing server at `'registry://host:port'`, port 7400 of this machine if nothing is said. */
export function connectRegistry(
  target?: string,
  options?: { secret?: Secret | readonly Secret[]; tls?: ClientTlsOptions },
): RegistryClient
