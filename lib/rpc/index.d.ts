/**
 * Remote calls over one connection: many in flight, answered in any order. `docs/rpc.md` explains the behaviour,
 * `docs/rpc-protocol.md` the bytes.
 */

import type { EventEmitter } from 'node:events'
import type { AddressInfo, DropArgument, ListenOptions } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Messages, ResultCallback, ServiceClient, ServiceHandlers } from './services.js'

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
  /** Bytes that may be under way to this end in one stream of messages, 1,024 to 67,107,840. Default 1 MiB. */
  streamWindow?: number
  /** Bytes of memory that may wait at this end, of unanswered requests and of messages not taken, before the connection is not read.
   * Default 64 MiB. */
  maxPendingBytes?: number
  /** Bytes of metadata that may come with a request or an answer, at most 65,535. Default 8,192. */
  maxMetadataBytes?: number
  /** And values. Default 128. */
  maxMetadataEntries?: number
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
  /** Calls that handlers make inherit the time that their own call has left, and end with it, also without `parent`. Default `false`. */
  propagate?: boolean
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

/** Counts since the client was made. */
export interface ClientStats {
  calls: number
  replies: number
  /** Calls that nobody answers. */
  oneWay: number
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

/** `'host:port'`, `'[::1]:port'`, a port on localhost, a path (with a separator in it), or the parts. */
export type Target = string | number | { host?: string; port: number } | { path: string }

/** A server without methods yet. */
export function createServer(options?: ServerOptions): Server
/** A client that connects to `target` and keeps coming back to it. */
export function connect(target: Target, options?: ClientOptions): Client
