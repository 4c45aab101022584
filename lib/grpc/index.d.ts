/**
 * The API of `@grpc/grpc-js` over ironwire's HTTP/2: servers and clients that talk to any gRPC peer. Parts of that
 * API that ironwire does not have throw an error with the code `IRONWIRE_GRPC_UNSUPPORTED`; `docs/grpc.md` lists
 * them.
 *
 * Services come from `@grpc/proto-loader`, or from ironwire's own `protobuf`, which is faster.
 *
 * Source: https://grpc.github.io/grpc/node/
 *
 * @example
 * ```js
 * const server = new grpc.Server()
 * server.addService(Greeter, { greet: ({ request }, callback) => callback(null, { name: `Hello ${request.name}` }) })
 * server.bindAsync('127.0.0.1:50051', grpc.ServerCredentials.createInsecure(), () => {})
 *
 * const Client = grpc.makeClientConstructor(Greeter)
 * const client = new Client('127.0.0.1:50051', grpc.credentials.createInsecure())
 * const { name } = await client.greet({ name: 'you' })
 * ```
 */

import { EventEmitter } from 'node:events'
import { Duplex, Readable, Writable } from 'node:stream'
import { PeerCertificate, SecureContext, SecureContextOptions } from 'node:tls'
import type { ClientTlsOptions } from '../rpc/index.js'

/** The status codes with which calls end. Source: https://grpc.io/docs/guides/status-codes/ */
export enum status {
  OK = 0,
  CANCELLED = 1,
  UNKNOWN = 2,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  NOT_FOUND = 5,
  ALREADY_EXISTS = 6,
  PERMISSION_DENIED = 7,
  RESOURCE_EXHAUSTED = 8,
  FAILED_PRECONDITION = 9,
  ABORTED = 10,
  OUT_OF_RANGE = 11,
  UNIMPLEMENTED = 12,
  INTERNAL = 13,
  UNAVAILABLE = 14,
  DATA_LOSS = 15,
  UNAUTHENTICATED = 16,
}

/** The states of a channel. Source: https://grpc.github.io/grpc/core/md_doc_connectivity-semantics-and-api.html */
export enum connectivityState {
  IDLE = 0,
  CONNECTING = 1,
  READY = 2,
  TRANSIENT_FAILURE = 3,
  SHUTDOWN = 4,
}

/** How much is logged. See {@link setLogVerbosity}. */
export enum logVerbosity {
  DEBUG = 0,
  INFO = 1,
  ERROR = 2,
  NONE = 3,
}

/** The algorithms of `grpc.default_compression_algorithm`. */
export enum compressionAlgorithms {
  identity = 0,
  deflate = 1,
  gzip = 2,
}

/** What a call takes over from its parent. The values can be combined with `|`. */
export enum propagate {
  DEADLINE = 1,
  CENSUS_STATS_CONTEXT = 2,
  CENSUS_TRACING_CONTEXT = 4,
  CANCELLATION = 8,
  DEFAULTS = 65535,
}

/** When a call must have ended: a `Date`, or milliseconds since 1970. `Infinity` means no deadline. */
export type Deadline = Date | number

// --- metadata

/** A value of metadata: text, or bytes if its key ends with `-bin`. */
export type MetadataValue = string | Buffer

/** Options of {@link Metadata}. */
export interface MetadataOptions {
  /** Whether the call waits until there is a connection, instead of failing with UNAVAILABLE. Default: `false`. */
  waitForReady?: boolean
  /** Kept for compatibility; it has no effect. */
  idempotentRequest?: boolean
  /** Kept for compatibility; it has no effect. */
  cacheableRequest?: boolean
  /** Kept for compatibility; it has no effect. */
  corked?: boolean
}

/** Keys and values that travel beside the messages of a call. Keys are in lower case and have one or more values. */
export class Metadata {
  constructor(options?: MetadataOptions)
  /** Replaces all values of the key with this one. */
  set(key: string, value: MetadataValue): void
  /** Adds a value to the key. */
  add(key: string, value: MetadataValue): void
  /** Removes the key. */
  remove(key: string): void
  /** All values of the key. */
  get(key: string): MetadataValue[]
  /** The first value of each key. */
  getMap(): { [key: string]: MetadataValue }
  /** A copy. */
  clone(): Metadata
  /** Adds all values of other metadata. */
  merge(other: Metadata): void
  /** Replaces the options. */
  setOptions(options: MetadataOptions): void
  /** The options. */
  getOptions(): MetadataOptions
  /** The metadata as HTTP/2 header fields; binary values in base64. */
  toHttp2Headers(): { [key: string]: string | string[] }
  /** An object with the values of each key. */
  toJSON(): { [key: string]: MetadataValue[] }
  /** Attaches a value that is not sent. */
  setOpaque(key: string, value: unknown): void
  /** A value that was attached by `setOpaque`. */
  getOpaque(key: string): unknown
  /** Metadata from HTTP/2 header fields. Pseudo-header fields are left out. */
  static fromHttp2Headers(headers: { [key: string]: number | string | string[] | undefined }): Metadata
}

// --- statuses

/** How a call has ended. */
export interface StatusObject {
  /** The status code. */
  code: status
  /** A text for people. */
  details: string
  /** The trailers. */
  metadata: Metadata
}

/** The error of a call that has not ended with OK. */
export type ServiceError = StatusObject & Error

/** Builds a status step by step. */
export class StatusBuilder {
  /** Sets the code. */
  withCode(code: status): this
  /** Sets the text. */
  withDetails(details: string): this
  /** Sets the metadata. */
  withMetadata(metadata: Metadata): this
  /** The status. */
  build(): Partial<StatusObject>
}

// --- services

/** Turns a message into bytes. */
export type serialize<T> = (value: T) => Buffer
/** Turns bytes into a message. */
export type deserialize<T> = (bytes: Buffer) => T

/** A method, as clients and servers need it. `@grpc/proto-loader` makes such definitions. */
export interface MethodDefinition<Request, Response> {
  /** The path: `/package.Service/Method`. */
  path: string
  /** Whether the client sends a stream. */
  requestStream: boolean
  /** Whether the server sends a stream. */
  responseStream: boolean
  /** Writes requests. */
  requestSerialize: serialize<Request>
  /** Reads requests. */
  requestDeserialize: deserialize<Request>
  /** Writes responses. */
  responseSerialize: serialize<Response>
  /** Reads responses. */
  responseDeserialize: deserialize<Response>
  /** Another name of the method, usually in camel case. */
  originalName?: string
}

/** The methods of a service by name. */
export type ServiceDefinition<Implementation = { [name: string]: any }> = {
  readonly [name in keyof Implementation]: MethodDefinition<any, any>
}

/** A service from a schema of ironwire's `protobuf`. */
export interface SchemaService {
  /** The name of the service. */
  readonly name: string
  /** Its name with its package. */
  readonly fullName: string
  /** Its methods by name. */
  readonly methods: { [name: string]: any }
}

/** A message or enum type, as `@grpc/proto-loader` makes it. */
export interface ProtobufTypeDefinition {
  /** The kind of description that `type` is. */
  format: string
  /** The description of the type. */
  type: object
  /** The files that declare it, as bytes of `google.protobuf.FileDescriptorProto`. */
  fileDescriptorProtos: Buffer[]
}

/** What `@grpc/proto-loader` has loaded: services and types by their full names. */
export interface PackageDefinition {
  [fullName: string]: ServiceDefinition | ProtobufTypeDefinition
}

/** A class of clients of one service. */
export interface ServiceClientConstructor {
  /** Creates a client. `address` is a target such as `'host:50051'`. */
  new (address: string, credentials: ChannelCredentials, options?: Partial<ChannelOptions>): ServiceClient
  /** The definition of the service. */
  service: ServiceDefinition
  /** The name of the service. */
  serviceName: string
}

/** A client with one function for each method of its service. */
export interface ServiceClient extends Client {
  [method: string]: any
}

/** Packages as objects, with client constructors and types in them. */
export interface GrpcObject {
  [name: string]: GrpcObject | ServiceClientConstructor | ProtobufTypeDefinition
}

/** Makes a class of clients for a service. */
export function makeClientConstructor(
  service: ServiceDefinition | SchemaService,
  serviceName?: string,
  classOptions?: object,
): ServiceClientConstructor
/** The same by its older name. */
export { makeClientConstructor as makeGenericClientConstructor }

/** Turns what `@grpc/proto-loader` has loaded into packages of client constructors. */
export function loadPackageDefinition(definition: PackageDefinition): GrpcObject

// --- credentials

/** What TLS says about the other end. Empty without TLS, or if the certificate of the other end is not verified. */
export interface AuthContext {
  /** `'ssl'` over TLS. */
  transportSecurityType?: string
  /** The certificate of the other end. */
  sslPeerCertificate?: PeerCertificate
}

/** How a client checks the certificate of a server. */
export interface VerifyOptions {
  /** Returns an error if the certificate does not belong to `host`. Default: `tls.checkServerIdentity` of Node. */
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined
  /** Whether to refuse servers whose certificate cannot be verified. Default: `true`. */
  rejectUnauthorized?: boolean
}

/** How a client connects: with or without TLS, and with which call credentials. */
export abstract class ChannelCredentials {
  /** No TLS. */
  static createInsecure(): ChannelCredentials
  /**
   * TLS by rustls. Without `rootCerts`, the authorities come from the file that `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`
   * names, or else are those of Node. `privateKey` and `certChain` are the client's own certificate, for mutual TLS.
   * `GRPC_SSL_CIPHER_SUITES` selects cipher suites. All are PEM.
   *
   * @throws `IRONWIRE_GRPC_UNSUPPORTED` for what rustls does not support; the message names it.
   */
  static createSsl(
    rootCerts?: Buffer | null,
    privateKey?: Buffer | null,
    certChain?: Buffer | null,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials
  /**
   * TLS with a context that ironwire's `tls.createSecureContext` has made.
   *
   * @throws `IRONWIRE_GRPC_UNSUPPORTED` for a context that Node has made, because it does not show its contents.
   */
  static createFromSecureContext(secureContext: SecureContext, verifyOptions?: VerifyOptions): ChannelCredentials
  /** The same credentials, with call credentials for every call of the channel. Throws without TLS. */
  compose(callCredentials: CallCredentials): ChannelCredentials
  /** Whether there is TLS. */
  abstract _isSecure(): boolean
  /** Whether both stand for the same, so that connections can be shared. */
  abstract _equals(other: ChannelCredentials): boolean
}

/** The call for which metadata is made. */
export interface CallMetadataOptions {
  /** The path of the method. */
  method_name: string
  /** The URL of the service: `https://host/service`. */
  service_url: string
}

/** Makes metadata for a call, such as a token. */
export type CallMetadataGenerator = (
  options: CallMetadataOptions,
  callback: (error: Error | null, metadata?: Metadata) => void,
) => void

/** A client of npm `google-auth-library`. */
export type OAuth2Client =
  | { getRequestHeaders(url?: string): Promise<{ [name: string]: string } | Iterable<[string, string]>> }
  | {
      getRequestMetadata(
        url: string,
        callback: (error: Error | null, headers?: { [name: string]: string }) => void,
      ): void
    }

/** On whose behalf a call is made: metadata that is generated for each call, while its deadline runs. */
export abstract class CallCredentials {
  /** Credentials from a function. If it fails, the call ends with the `code` of the error, or else with UNKNOWN. */
  static createFromMetadataGenerator(generator: CallMetadataGenerator): CallCredentials
  /** Credentials from a client of `google-auth-library`. */
  static createFromGoogleCredential(client: OAuth2Client): CallCredentials
  /** Credentials that add nothing. */
  static createEmpty(): CallCredentials
  /** Generates the metadata for a call. */
  abstract generateMetadata(options: CallMetadataOptions): Promise<Metadata>
  /** The metadata of both credentials. */
  compose(other: CallCredentials): CallCredentials
  /** Whether both stand for the same. */
  abstract _equals(other: CallCredentials): boolean
}

/** A certificate with its key. */
export interface KeyCertPair {
  /** The private key, as PEM. */
  private_key: Buffer
  /** The certificate, followed by the intermediate certificates, as PEM. */
  cert_chain: Buffer
}

/** How a server accepts connections: with or without TLS. */
export abstract class ServerCredentials {
  /**
   * For classes of your own. `settings` are options of TLS that stay as they are (`null` for no TLS); `identity` is
   * the certificate, which `updateSecureContextOptions` can replace.
   */
  constructor(
    settings?: { requestCert?: boolean; rejectUnauthorized?: boolean; ciphers?: string } | null,
    identity?: SecureContextOptions | null,
  )
  /** No TLS. */
  static createInsecure(): ServerCredentials
  /**
   * TLS by rustls. With `checkClientCertificate`, clients must have a certificate that `rootCerts` has signed (mutual
   * TLS).
   */
  static createSsl(
    rootCerts: Buffer | null,
    keyCertPairs: KeyCertPair[],
    checkClientCertificate?: boolean,
  ): ServerCredentials
  /** Sets the certificate for new connections. With `null` the server refuses them. */
  protected updateSecureContextOptions(identity: SecureContextOptions | null): void
  /** Whether there is TLS. */
  _isSecure(): boolean
  /** Whether both stand for the same. */
  abstract _equals(other: ServerCredentials): boolean
}

/** The functions of {@link ChannelCredentials} and {@link CallCredentials} in one place. */
export const credentials: {
  createInsecure: typeof ChannelCredentials.createInsecure
  createSsl: typeof ChannelCredentials.createSsl
  createFromSecureContext: typeof ChannelCredentials.createFromSecureContext
  createFromMetadataGenerator: typeof CallCredentials.createFromMetadataGenerator
  createFromGoogleCredential: typeof CallCredentials.createFromGoogleCredential
  createEmpty: typeof CallCredentials.createEmpty
  /** Channel credentials with call credentials. */
  combineChannelCredentials(channel: ChannelCredentials, ...calls: CallCredentials[]): ChannelCredentials
  /** Several call credentials as one. */
  combineCallCredentials(first: CallCredentials, ...more: CallCredentials[]): CallCredentials
}

// --- options

/**
 * Options of both clients and servers. Options that only tune parts that ironwire does not have are ignored, as
 * `@grpc/grpc-js` ignores unknown ones.
 */
export interface CommonOptions {
  /** How to compress messages, if the peer accepts it. Default: not at all. */
  'grpc.default_compression_algorithm'?: compressionAlgorithms
  /** The longest message to send, in bytes; -1 for no limit. Default: -1. */
  'grpc.max_send_message_length'?: number
  /** The longest message to accept, in bytes, compressed and decompressed; -1 for no limit. Default: 4 MiB. */
  'grpc.max_receive_message_length'?: number
  /** The longest headers or trailers to accept, in bytes. Default: 64 KiB. */
  'grpc.max_metadata_size'?: number
  /** How many milliseconds after the last sign of life the peer is pinged. Default: never. */
  'grpc.keepalive_time_ms'?: number
  /** How many milliseconds the peer may take to answer a ping. Then the connection is lost. Default: 20,000. */
  'grpc.keepalive_timeout_ms'?: number
  /** How many bytes the peer may send on a stream before the program has read them. Default: 256 KiB. */
  'grpc-node.flow_control_window'?: number
}

/** Options of a channel. */
export interface ChannelOptions extends CommonOptions {
  /** The server's name in calls (`:authority`). Default: the target. */
  'grpc.default_authority'?: string
  /** The name that the server's certificate must have, instead of the target's. */
  'grpc.ssl_target_name_override'?: string
  /** Text in front of the `user-agent`. */
  'grpc.primary_user_agent'?: string
  /** Text at the end of the `user-agent`. */
  'grpc.secondary_user_agent'?: string
  /** 1: ping the server even while there are no calls. Default: 0. */
  'grpc.keepalive_permit_without_calls'?: number
  /**
   * A service config as JSON: how calls are balanced, how long they take, which are retried. It applies if the
   * target's name does not have one itself.
   */
  'grpc.service_config'?: string
  /** 1: do not ask the target's name for a service config. Default: 0. */
  'grpc.service_config_disable_resolution'?: number
  /** How many milliseconds to wait at least between two lookups of a name. Default: 30,000. */
  'grpc.dns_min_time_between_resolutions_ms'?: number
  /** 0: never make a call a second time. Default: 1. */
  'grpc.enable_retries'?: number
  /** How often a call is attempted at most, whatever its service config says. Default: 5. */
  'grpc-node.retry_max_attempts_limit'?: number
  /** How many bytes one call may keep in order to send them again. Default: 1 MiB. */
  'grpc.per_rpc_retry_buffer_size'?: number
  /** How many bytes all calls of the channel together may keep for that. Default: 16 MiB. */
  'grpc.retry_buffer_size'?: number
  /** 1: share connections with no other channel. Default: 0. */
  'grpc.use_local_subchannel_pool'?: number
  /** After how many milliseconds without a call connections are closed, at least 1,000. Default: 30 minutes. */
  'grpc.client_idle_timeout_ms'?: number
  /**
   * Name, password and TLS for the etcd that a target names (`etcd://host:2379,host2:2379/service`). See
   * `docs/etcd.md`.
   */
  'ironwire.etcd'?: { username?: string; password?: string; tls?: ClientTlsOptions }
  /**
   * How many milliseconds to wait before the first attempt to reconnect. The pause grows with each attempt. Default:
   * 1,000.
   */
  'grpc.initial_reconnect_backoff_ms'?: number
  /** The longest such pause, in milliseconds. Default: 120,000. */
  'grpc.max_reconnect_backoff_ms'?: number
  [option: string]: unknown
}
/** Options of a client: those of its channel, and these. */
export type ClientOptions = Partial<ChannelOptions> & {
  /** An existing channel to use. */
  channelOverride?: ChannelInterface
  /** Creates the channel. */
  channelFactoryOverride?: (
    address: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
  ) => ChannelInterface
  /** Interceptors of all calls. */
  interceptors?: Interceptor[]
  /** Functions that choose an interceptor for each method. Not together with `interceptors`. */
  interceptor_providers?: InterceptorProvider[]
  /** Called before each call begins; returns it, changed or not. */
  callInvocationTransformer?: CallInvocationTransformer
}

/** A call that is about to begin. */
export interface CallProperties<Request, Response> {
  /** The request, if it is not a stream. */
  argument?: Request
  /** The metadata to send. */
  metadata: Metadata
  /** The object that the client gets. */
  call:
    | ClientUnaryCall
    | ClientReadableStream<Response>
    | ClientWritableStream<Request>
    | ClientDuplexStream<Request, Response>
  /** The channel of the call. */
  channel: ChannelInterface
  /** The method that is called. */
  methodDefinition: ClientMethodDefinition<Request, Response>
  /** The options of the call. */
  callOptions: CallOptions
  /** Called with the response, if it is not a stream. */
  callback?: requestCallback<Response>
}
/** See {@link ClientOptions}. */
export type CallInvocationTransformer = (properties: CallProperties<any, any>) => CallProperties<any, any>

/** Options of a server. */
export interface ServerOptions extends CommonOptions {
  /** Interceptors of all calls. The first one is nearest to the client. */
  interceptors?: ServerInterceptor[]
  /** 1: send with each response what its handler recorded (`call.getMetricsRecorder()`). Default: 0. */
  'grpc.server_call_metric_recording'?: number
  /** How many calls of one connection run at a time; further ones wait at the client. Default: 4,096. */
  'grpc.max_concurrent_streams'?: number
  /** After how many milliseconds, plus or minus a tenth, a connection accepts no more calls. Default: never. */
  'grpc.max_connection_age_ms'?: number
  /** How many milliseconds its calls may take after that. Default: no limit. */
  'grpc.max_connection_age_grace_ms'?: number
  /**
   * How many milliseconds clients must leave between two pings, unless they were sent something in between. Default:
   * no limit.
   */
  'grpc.http2.min_ping_interval_without_data_ms'?: number
  /** How many pings may come too soon before the connection is ended; 0 for any number. Default: 2. */
  'grpc.http2.max_ping_strikes'?: number
  /** 1: the same interval applies while there are no calls. Otherwise it is two hours then. Default: 0. */
  'grpc.keepalive_permit_without_calls'?: number
  /** After how many milliseconds without a call a connection is closed. Default: never. */
  'grpc.max_connection_idle_ms'?: number
  [option: string]: unknown
}

/** Options of a call. */
export interface CallOptions {
  /** When the call must have ended. Default: never. */
  deadline?: Deadline
  /** The server's name in this call (`:authority`). */
  host?: string
  /** The server's call for which this one is made. */
  parent?:
    | ServerUnaryCall<any, any>
    | ServerReadableStream<any, any>
    | ServerWritableStream<any, any>
    | ServerDuplexStream<any, any>
  /** What is taken over from the parent: values of {@link propagate}. Default: everything. */
  propagate_flags?: number
  /** Credentials of this call. */
  credentials?: CallCredentials
  /** Interceptors of this call, instead of the client's. */
  interceptors?: Interceptor[]
  /** Functions that choose an interceptor for each method. Not together with `interceptors`. */
  interceptor_providers?: InterceptorProvider[]
}

// --- clients

/** A call with one request and one response. Emits `'metadata'` and `'status'`. */
export interface ClientUnaryCall extends EventEmitter {
  /** Cancels the call. It ends with CANCELLED. */
  cancel(): void
  /** The address of the server. */
  getPeer(): string
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
}

/** A call whose response is a stream. Leaving a `for await` loop cancels the call. */
export interface ClientReadableStream<Response> extends Readable {
  /** Cancels the call. It ends with CANCELLED. */
  cancel(): void
  /** The address of the server. */
  getPeer(): string
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
  read(size?: number): Response
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Response>
}

/** A call whose request is a stream. */
export interface ClientWritableStream<Request> extends Writable {
  /** Cancels the call. It ends with CANCELLED. */
  cancel(): void
  /** The address of the server. */
  getPeer(): string
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
  write(message: Request, callback?: (error?: Error | null) => void): boolean
  write(message: Request, encoding?: any, callback?: (error?: Error | null) => void): boolean
}

/** A call with a stream in both directions. */
export interface ClientDuplexStream<Request, Response> extends Duplex {
  /** Cancels the call. It ends with CANCELLED. */
  cancel(): void
  /** The address of the server. */
  getPeer(): string
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
  read(size?: number): Response
  write(message: Request, callback?: (error?: Error | null) => void): boolean
  write(message: Request, encoding?: any, callback?: (error?: Error | null) => void): boolean
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Response>
}

/** Called once with the response of a call, or with its error. */
export type requestCallback<Response> = (error: ServiceError | null, value?: Response) => void

/** A client that can call any method of any service. See {@link makeClientConstructor} for a client of one service. */
export class Client {
  constructor(address: string, credentials: ChannelCredentials, options?: ClientOptions)
  /** Closes the channel. Calls in flight continue; calls that still wait for a connection fail with UNAVAILABLE. */
  close(): void
  /** The channel of the client. */
  getChannel(): ChannelInterface
  /** Calls back when there is a connection, or with an error at the deadline. */
  waitForReady(deadline: Deadline, callback: (error?: Error) => void): void
  /** Makes a call with one request and one response. */
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  /** Makes a call with one request and one response. */
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadataOrOptions: Metadata | CallOptions,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  /** Makes a call with one request and one response. */
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  /**
   * Makes a call with one request and one response. Without a callback it returns a promise; its `call` is what is
   * otherwise returned.
   */
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): Promise<Response> & { call: ClientUnaryCall }
  /** Makes a call with a stream of requests and one response. */
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  /** Makes a call with a stream of requests and one response. */
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadataOrOptions: Metadata | CallOptions,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  /** Makes a call with a stream of requests and one response. */
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  /**
   * Makes a call with a stream of requests and one response. Without a callback the stream has the response as a
   * promise.
   */
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientWritableStream<Request> & { response: Promise<Response> }
  /** Makes a call with one request and a stream of responses. */
  makeServerStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientReadableStream<Response>
  /** Makes a call with a stream in both directions. */
  makeBidiStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientDuplexStream<Request, Response>
}

// --- interceptors of clients

/** The parts of a method that clients use. */
export type ClientMethodDefinition<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestStream' | 'responseStream' | 'requestSerialize' | 'responseDeserialize'
>

/** The options of a call, as its interceptors see them. */
export interface InterceptorOptions extends CallOptions {
  /** The method that is called. */
  method_definition: ClientMethodDefinition<any, any>
}

/** Returns the call that the next interceptor, or gRPC itself, makes. */
export type NextCall = (options: InterceptorOptions) => InterceptingCallInterface

/** Wraps calls: usually `new InterceptingCall(nextCall(options), requester)`. */
export type Interceptor = (options: InterceptorOptions, nextCall: NextCall) => InterceptingCallInterface

/** Chooses an interceptor for a method, or none. */
export type InterceptorProvider = (method: ClientMethodDefinition<any, any>) => Interceptor | null | undefined

/** Thrown if both `interceptors` and `interceptor_providers` are given. */
export class InterceptorConfigurationError extends Error {}

/** Receives what happens on a call. */
export interface InterceptingListener {
  /** The server has sent its first metadata. */
  onReceiveMetadata(metadata: Metadata): void
  /** A message has arrived; `null` at the end of a call without one. */
  onReceiveMessage(message: any): void
  /** The call has ended. */
  onReceiveStatus(status: StatusObject): void
}

/** Handles metadata; call `next` to pass it on. */
export type MetadataListener = (metadata: Metadata, next: (metadata: Metadata) => void) => void
/** Handles a message; call `next` to pass it on. */
export type MessageListener = (message: any, next: (message: any) => void) => void
/** Handles the status; call `next` to pass it on. */
export type StatusListener = (status: StatusObject, next: (status: StatusObject) => void) => void

/** Handles what arrives on a call, and decides what is passed on. What it leaves out is passed on as it is. */
export interface Listener {
  /** The server has sent its first metadata. */
  onReceiveMetadata?: MetadataListener
  /** A message has arrived. */
  onReceiveMessage?: MessageListener
  /** The call has ended. */
  onReceiveStatus?: StatusListener
}

/** Handles what a client does with a call, and decides what is passed on. What it leaves out is passed on as it is. */
export interface Requester {
  /** The call begins. */
  start?: (
    metadata: Metadata,
    listener: InterceptingListener,
    next: (metadata: Metadata, listener: InterceptingListener | Listener) => void,
  ) => void
  /** A message is sent. */
  sendMessage?: (message: any, next: (message: any) => void) => void
  /** No more messages follow. */
  halfClose?: (next: () => void) => void
  /** The call is cancelled. */
  cancel?: (next: () => void) => void
}

/** Builds a {@link Listener} step by step. */
export class ListenerBuilder {
  withOnReceiveMetadata(listener: MetadataListener): this
  withOnReceiveMessage(listener: MessageListener): this
  withOnReceiveStatus(listener: StatusListener): this
  build(): Listener
}

/** Builds a {@link Requester} step by step. */
export class RequesterBuilder {
  withStart(start: NonNullable<Requester['start']>): this
  withSendMessage(sendMessage: NonNullable<Requester['sendMessage']>): this
  withHalfClose(halfClose: NonNullable<Requester['halfClose']>): this
  withCancel(cancel: NonNullable<Requester['cancel']>): this
  build(): Requester
}

/** How a message is sent. */
export interface MessageContext {
  /** Called when the message was written. */
  callback?: (error?: Error | null) => void
  /** Flags of the message: 2 (`NoCompress`) sends it uncompressed. */
  flags?: number
}

/** A call, as interceptors see it. */
export interface InterceptingCallInterface {
  /** Ends the call with a status. */
  cancelWithStatus(status: status, details: string): void
  /** The address of the server. */
  getPeer(): string
  /** Begins the call. */
  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void
  /** Sends a message. */
  sendMessageWithContext(context: MessageContext, message: any): void
  /** Sends a message. */
  sendMessage(message: any): void
  /** Asks for the next message. */
  startRead(): void
  /** Says that no more messages follow. */
  halfClose(): void
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
}

/** A call with a {@link Requester} in front of it. */
export class InterceptingCall implements InterceptingCallInterface {
  constructor(nextCall: InterceptingCallInterface, requester?: Requester)
  cancelWithStatus(status: status, details: string): void
  getPeer(): string
  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void
  sendMessageWithContext(context: MessageContext, message: any): void
  sendMessage(message: any): void
  startRead(): void
  halfClose(): void
  getAuthContext(): AuthContext | null
}

/** A call whose messages are bytes, as {@link Channel.createCall} makes it. */
export interface CallStream {
  /** Begins the call. */
  start(metadata: Metadata, listener: InterceptingListener): void
  /** Sends a message. */
  sendMessageWithContext(context: MessageContext, message: Buffer): void
  /** Asks for the next message: the listener then receives one. */
  startRead(): void
  /** Says that no more messages follow. */
  halfClose(): void
  /** Ends the call with a status. */
  cancelWithStatus(status: status, details: string): void
  /** The address of the server. */
  getPeer(): string
  /** What TLS says about the server; `null` before there is a connection. */
  getAuthContext(): AuthContext | null
  /** A number that no other call of the process has. */
  getCallNumber(): number
  /** Adds credentials, before the call begins. */
  setCredentials(credentials: CallCredentials): void
}

/** A channel of any implementation, ironwire's or `@grpc/grpc-js`'s. */
export interface ChannelInterface {
  close(): void
  getTarget(): string
  getConnectivityState(tryToConnect: boolean): connectivityState
  watchConnectivityState(current: connectivityState, deadline: Deadline, callback: (error?: Error) => void): void
  createCall(
    method: string,
    deadline: Deadline,
    host?: string | null,
    parentCall?: any,
    propagateFlags?: number | null,
  ): CallStream
}

/** Connections to a target, and the calls over them. It connects with the first call and reconnects by itself. */
export class Channel implements ChannelInterface {
  constructor(target: string, credentials: ChannelCredentials, options?: Partial<ChannelOptions>)
  /** Closes the channel. Calls in flight continue; calls that still wait for a connection fail with UNAVAILABLE. */
  close(): void
  /** The target. */
  getTarget(): string
  /** The state of the channel. With `tryToConnect`, an idle channel begins to connect. */
  getConnectivityState(tryToConnect: boolean): connectivityState
  /** Calls back when the state differs from `current`, or with an error at the deadline. */
  watchConnectivityState(current: connectivityState, deadline: Deadline, callback: (error?: Error) => void): void
  /** Makes a call whose messages are bytes. */
  createCall(
    method: string,
    deadline: Deadline,
    host?: string | null,
    parentCall?: any,
    propagateFlags?: number | null,
  ): CallStream
}

// --- names

/** A target in parts: `scheme://authority/path`. */
export interface GrpcUri {
  scheme?: string
  authority?: string
  path: string
}

/** A host, and its port if there is one. */
export interface HostPort {
  host: string
  port?: number
}

/** The address of a TCP socket or of a Unix socket. */
export type SubchannelAddress = { host: string; port: number } | { path: string }

/** One server, which may have several addresses. */
export interface Endpoint {
  addresses: SubchannelAddress[]
}

/** A value, or the status that says why there is none. */
export type StatusOr<T> = { ok: true; value: T } | { ok: false; error: StatusObject }

/**
 * Receives the result of a resolver: the endpoints, or why there are none, and a service config if there is one.
 * Returns whether the result could be used.
 */
export type ResolverListener = (
  endpoints: StatusOr<Endpoint[]>,
  attributes: { [name: string]: unknown },
  serviceConfig: StatusOr<object> | null,
  /** A text that is added to errors. */
  resolutionNote: string,
) => boolean

/** Finds the addresses of a target. See `experimental.registerResolver`. */
export interface Resolver {
  /** Asks for the endpoints. Call the listener later, and again whenever they change. */
  updateResolution(): void
  /** Says that the endpoints are not needed any more, until `updateResolution` is called again. */
  destroy(): void
}

/** The class of a {@link Resolver}. */
export interface ResolverConstructor {
  /** Creates a resolver for a target. */
  new (target: GrpcUri, listener: ResolverListener, options: ChannelOptions): Resolver
  /** The server's name in calls to a target (`:authority`). */
  getDefaultAuthority(target: GrpcUri): string
}

/** The certificates of authorities, as PEM. */
export interface CaCertificateUpdate {
  caCertificate: Buffer
}
/** A certificate with its key, as PEM. */
export interface IdentityCertificateUpdate {
  certificate: Buffer
  privateKey: Buffer
}
/** Receives new certificates of authorities, or `null` if there are none. */
export type CaCertificateUpdateListener = (update: CaCertificateUpdate | null) => void
/** Receives a new certificate, or `null` if there is none. */
export type IdentityCertificateUpdateListener = (update: IdentityCertificateUpdate | null) => void

/** Reports certificates to its listeners: now, and whenever they change. `null` means that there are none. */
export interface CertificateProvider {
  addCaCertificateListener(listener: CaCertificateUpdateListener): void
  removeCaCertificateListener(listener: CaCertificateUpdateListener): void
  addIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void
  removeIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void
}

/**
 * Which files to read. `certificateFile` and `privateKeyFile` go together, and at least one kind of certificate must
 * be given.
 */
export interface FileWatcherCertificateProviderConfig {
  /** The certificate. */
  certificateFile?: string
  /** The key of the certificate. */
  privateKeyFile?: string
  /** The certificates of authorities. */
  caCertificateFile?: string
  /** After how many milliseconds the files are read again. */
  refreshIntervalMs: number
}

/** What `@grpc/grpc-js` calls experimental. */
export const experimental: {
  /** Reads certificates from files again and again, as long as there are listeners. */
  FileWatcherCertificateProvider: new (
    config: FileWatcherCertificateProviderConfig,
  ) => CertificateProvider
  /** Credentials of a channel whose certificates come from providers. */
  createCertificateProviderChannelCredentials(
    caCertificateProvider: CertificateProvider,
    identityCertificateProvider: CertificateProvider | null,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials
  /** Credentials of a server whose certificates come from providers. Without certificates it refuses connections. */
  createCertificateProviderServerCredentials(
    identityCertificateProvider: CertificateProvider,
    caCertificateProvider: CertificateProvider | null,
    requireClientCertificate: boolean,
  ): ServerCredentials
  /** Server credentials that also bring interceptors. */
  createServerCredentialsWithInterceptors(
    credentials: ServerCredentials,
    interceptors: ServerInterceptor[],
  ): ServerCredentials
  /** Uses a class to resolve targets of a scheme, such as `consul://…`. */
  registerResolver(scheme: string, resolver: ResolverConstructor): void
  /** A {@link StatusOr} with a value. */
  statusOrFromValue<T>(value: T): StatusOr<T>
  /** A {@link StatusOr} with an error. */
  statusOrFromError<T>(error: Partial<StatusObject> & { code: status; details: string }): StatusOr<T>
  /** A target as text. */
  uriToString(uri: GrpcUri): string
  /** The host and port of a path, or `null` if it has another form. */
  splitHostPort(path: string): HostPort | null
  /** Writes to the logger. */
  log(severity: logVerbosity, ...args: unknown[]): void
}

/** The same as `client.close()`. */
export function closeClient(client: Client): void
/** The same as `client.waitForReady()`. */
export function waitForClientReady(client: Client, deadline: Deadline, callback: (error?: Error) => void): void
/** The same as `client.getChannel()`. */
export function getClientChannel(client: Client): ChannelInterface

// --- servers

/** What every call of a server has. */
export interface ServerSurfaceCall {
  /** Whether the call has ended, for whatever reason. The event `'cancelled'` reports it. */
  cancelled: boolean
  /** The metadata of the client. */
  readonly metadata: Metadata
  /** Sends metadata ahead of the first message. */
  sendMetadata(metadata: Metadata): void
  /** The address of the client. */
  getPeer(): string
  /** The deadline of the call, or `Infinity`. */
  getDeadline(): Deadline
  /** The path of the method. */
  getPath(): string
  /** The server's name in the call (`:authority`). */
  getHost(): string
  /** What TLS says about the client. */
  getAuthContext(): AuthContext
  /** Records metrics that are sent with the response. */
  getMetricsRecorder(): PerRequestMetricRecorder
}

/** A call with one request and one response, as its handler sees it. */
export type ServerUnaryCall<Request, Response> = ServerSurfaceCall & EventEmitter & { request: Request }
/** A call with a stream of requests and one response, as its handler sees it. */
export type ServerReadableStream<Request, Response> = ServerSurfaceCall &
  Readable & { read(size?: number): Request; [Symbol.asyncIterator](): NodeJS.AsyncIterator<Request> }
/** A call with one request and a stream of responses, as its handler sees it. */
export type ServerWritableStream<Request, Response> = ServerSurfaceCall &
  Writable & {
    request: Request
    write(message: Response, callback?: (error?: Error | null) => void): boolean
    end(trailers?: Metadata): void
  }
/** A call with a stream in both directions, as its handler sees it. */
export type ServerDuplexStream<Request, Response> = ServerSurfaceCall &
  Duplex & {
    read(size?: number): Request
    write(message: Response, callback?: (error?: Error | null) => void): boolean
    end(trailers?: Metadata): void
    [Symbol.asyncIterator](): NodeJS.AsyncIterator<Request>
  }

/** An error that a handler answers with. Without a `code` the call ends with UNKNOWN. */
export type ServerErrorResponse = Partial<StatusObject> & Partial<Error>
/** A status that a handler answers with. */
export type ServerStatusResponse = Partial<StatusObject>

/**
 * The callback of a handler: answers with an error, or with a response and trailers. `flags` 2 (`NoCompress`) sends
 * the response uncompressed.
 */
export type sendUnaryData<Response> = (
  error: ServerErrorResponse | ServerStatusResponse | null,
  value?: Response | null,
  trailers?: Metadata,
  flags?: number,
) => void

/**
 * Handles calls with one request and one response. A handler that does not declare the callback may return a promise
 * of the response.
 */
export type handleUnaryCall<Request, Response> =
  | ((call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void)
  | ((call: ServerUnaryCall<Request, Response>) => Promise<Response>)
/**
 * Handles calls with a stream of requests and one response. A handler that does not declare the callback may return a
 * promise of the response.
 */
export type handleClientStreamingCall<Request, Response> =
  | ((call: ServerReadableStream<Request, Response>, callback: sendUnaryData<Response>) => void)
  | ((call: ServerReadableStream<Request, Response>) => Promise<Response>)
/** Handles calls with one request and a stream of responses. */
export type handleServerStreamingCall<Request, Response> = (call: ServerWritableStream<Request, Response>) => void
/** Handles calls with a stream in both directions. */
export type handleBidiStreamingCall<Request, Response> = (call: ServerDuplexStream<Request, Response>) => void
/** A handler of any kind. */
export type UntypedHandleCall =
  | handleUnaryCall<any, any>
  | handleClientStreamingCall<any, any>
  | handleServerStreamingCall<any, any>
  | handleBidiStreamingCall<any, any>
/** Handlers by the names of their methods. */
export interface UntypedServiceImplementation {
  [name: string]: UntypedHandleCall
}

// --- interceptors of servers

/** The parts of a method that servers use. */
export type ServerMethodDefinition<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestStream' | 'responseStream' | 'requestDeserialize' | 'responseSerialize'
>

/** Wraps calls of a server: usually `new ServerInterceptingCall(call, responder)`. */
export type ServerInterceptor = (
  method: ServerMethodDefinition<any, any>,
  call: ServerInterceptingCallInterface,
) => ServerInterceptingCall

/** A status whose metadata may be missing. */
export type PartialStatusObject = Pick<StatusObject, 'code' | 'details'> & { metadata?: Metadata | null }

/** Receives what happens on a call. */
export interface InterceptingServerListener {
  /** The metadata of the client. */
  onReceiveMetadata(metadata: Metadata): void
  /** A message of the client. */
  onReceiveMessage(message: any): void
  /** No more messages follow. */
  onReceiveHalfClose(): void
  /** The call has ended, for whatever reason. */
  onCancel(): void
}

/** Handles what the client sends, and decides what is passed on. What it leaves out is passed on as it is. */
export interface ServerListener {
  /** The metadata of the client. */
  onReceiveMetadata?: (metadata: Metadata, next: (metadata: Metadata) => void) => void
  /** A message of the client. */
  onReceiveMessage?: (message: any, next: (message: any) => void) => void
  /** No more messages follow. */
  onReceiveHalfClose?: (next: () => void) => void
  /** The call has ended, for whatever reason. */
  onCancel?: () => void
}

/** Handles what the handler answers, and decides what is passed on. What it leaves out is passed on as it is. */
export interface Responder {
  /** The call begins. Pass a {@link ServerListener} to `next` to handle what the client sends. */
  start?: (next: (listener?: ServerListener) => void) => void
  /** Metadata is sent ahead of the first message. */
  sendMetadata?: (metadata: Metadata, next: (metadata: Metadata) => void) => void
  /** A message is sent. */
  sendMessage?: (message: any, next: (message: any) => void) => void
  /** The call ends with a status. */
  sendStatus?: (status: PartialStatusObject, next: (status: PartialStatusObject) => void) => void
}

/** Builds a {@link ServerListener} step by step. */
export class ServerListenerBuilder {
  withOnReceiveMetadata(listener: NonNullable<ServerListener['onReceiveMetadata']>): this
  withOnReceiveMessage(listener: NonNullable<ServerListener['onReceiveMessage']>): this
  withOnReceiveHalfClose(listener: NonNullable<ServerListener['onReceiveHalfClose']>): this
  withOnCancel(listener: NonNullable<ServerListener['onCancel']>): this
  build(): ServerListener
}

/** Builds a {@link Responder} step by step. */
export class ResponderBuilder {
  withStart(start: NonNullable<Responder['start']>): this
  withSendMetadata(sendMetadata: NonNullable<Responder['sendMetadata']>): this
  withSendMessage(sendMessage: NonNullable<Responder['sendMessage']>): this
  withSendStatus(sendStatus: NonNullable<Responder['sendStatus']>): this
  build(): Responder
}

/** The two ends of a connection. */
export interface ConnectionInfo {
  /** The address of the server. */
  localAddress?: string
  /** The port of the server. */
  localPort?: number
  /** The address of the client. */
  remoteAddress?: string
  /** The port of the client. */
  remotePort?: number
}

/** A call of a server, as interceptors see it. */
export interface ServerInterceptingCallInterface {
  /** Begins to receive. */
  start(listener: InterceptingServerListener): void
  /** Sends metadata ahead of the first message. */
  sendMetadata(metadata: Metadata): void
  /** Sends a message. `callback` is called when it was written. */
  sendMessage(message: any, callback: () => void): void
  /** Ends the call with a status. */
  sendStatus(status: PartialStatusObject): void
  /** Asks for the next message, or the end: the listener then receives it. */
  startRead(): void
  /** The address of the client. */
  getPeer(): string
  /** The deadline of the call, or `Infinity`. */
  getDeadline(): Deadline
  /** The server's name in the call (`:authority`). */
  getHost(): string
  /** What TLS says about the client. */
  getAuthContext(): AuthContext
  /** The two ends of the connection. */
  getConnectionInfo(): ConnectionInfo
}

/** A call of a server with a {@link Responder} in front of it. */
export class ServerInterceptingCall implements ServerInterceptingCallInterface {
  constructor(nextCall: ServerInterceptingCallInterface, responder?: Responder)
  start(listener: InterceptingServerListener): void
  sendMetadata(metadata: Metadata): void
  sendMessage(message: any, callback: () => void): void
  sendStatus(status: PartialStatusObject): void
  startRead(): void
  getPeer(): string
  getDeadline(): Deadline
  getHost(): string
  getAuthContext(): AuthContext
  getConnectionInfo(): ConnectionInfo
}

/** A gRPC server. Add services, then call `bindAsync`. */
export class Server {
  constructor(options?: ServerOptions)
  /**
   * Adds a service. Handlers are found by the method's name, in either spelling. A method without a handler answers
   * UNIMPLEMENTED.
   */
  addService(service: ServiceDefinition | SchemaService, implementation: UntypedServiceImplementation): void
  /** Removes the methods of a service. */
  removeService(service: ServiceDefinition | SchemaService): void
  /** Adds one method. Returns `false` if its path has a handler already. */
  register<Request, Response>(
    path: string,
    handler: UntypedHandleCall,
    serialize: serialize<Response>,
    deserialize: deserialize<Request>,
    type: 'unary' | 'clientStream' | 'serverStream' | 'bidi',
  ): boolean
  /** Removes one method. Returns whether it had a handler. */
  unregister(path: string): boolean
  /** Listens at `host:port` or `unix:path`, and calls back with the port. Port 0 chooses a free one. */
  bindAsync(port: string, credentials: ServerCredentials, callback: (error: Error | null, port: number) => void): void
  /** Stops listening there. Its calls continue. */
  unbind(port: string): void
  /** Closes the connections of a port. Their calls may take `graceTime` milliseconds. */
  drain(port: string, graceTime: number): void
  /** @deprecated A server starts when it is bound. */
  start(): void
  /** Accepts no more calls, and calls back when all calls have ended. */
  tryShutdown(callback: (error?: Error) => void): void
  /** Ends all calls and connections at once. */
  forceShutdown(): void
}

// --- metrics

/**
 * Records the load that a call causes, for `call.getMetricsRecorder()`. Sent with the response if
 * `grpc.server_call_metric_recording` is set. Source:
 * https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md
 */
export interface PerRequestMetricRecorder {
  recordRequestCostMetric(name: string, value: number): void
  recordUtilizationMetric(name: string, value: number): void
  recordNamedMetric(name: string, value: number): void
  recordCPUUtilizationMetric(value: number): void
  recordMemoryUtilizationMetric(value: number): void
  recordApplicationUtilizationMetric(value: number): void
  recordQpsMetric(value: number): void
  recordEpsMetric(value: number): void
}

/**
 * Reports the load of a server at intervals to clients that ask for it (`xds.service.orca.v3.OpenRcaService`).
 * Source: https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md
 */
export class ServerMetricRecorder {
  putUtilizationMetric(name: string, value: number): void
  setAllUtilizationMetrics(metrics: { [name: string]: number }): void
  deleteUtilizationMetric(name: string): void
  setCpuUtilizationMetric(value: number): void
  deleteCpuUtilizationMetric(): void
  setMemoryUtilizationMetric(value: number): void
  deleteMemoryUtilizationMetric(): void
  setApplicationUtilizationMetric(value: number): void
  deleteApplicationUtilizationMetric(): void
  setQpsMetric(value: number): void
  deleteQpsMetric(): void
  setEpsMetric(value: number): void
  deleteEpsMetric(): void
  /** Adds the service to a server. */
  addToServer(server: AnyServer): void
}

// --- logging

/** Sets where messages are logged; `console` works. Default: stderr. */
export function setLogger(logger: Partial<Pick<Console, 'error' | 'info' | 'debug'>>): void
/**
 * Sets what is logged. At `INFO`, errors that handlers have thrown are included. Default: errors only, or what the
 * environment variable `GRPC_VERBOSITY` says.
 */
export function setLogVerbosity(verbosity: logVerbosity): void

// --- health checking and reflection

/** A server to add services to: ironwire's, or one of `@grpc/grpc-js`. */
interface AnyServer {
  addService(service: any, implementation: any): void
}

/** Health checking, with the API of npm `grpc-health-check`. */
export namespace health {
  /** The status of a service. */
  type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING'

  /** The service `grpc.health.v1.Health`. */
  class HealthImplementation {
    /** `statuses` are the first statuses by service; `''` stands for the whole server. */
    constructor(statuses?: { [service: string]: ServingStatus })
    /** Changes the status of a service. Clients that watch it are told. */
    setStatus(service: string, status: ServingStatus): void
    /** Adds the service to a server. */
    addToServer(server: AnyServer): void
  }

  /** The definition of the service, for `makeClientConstructor`. */
  const service: ServiceDefinition
  /** The schema of the service, for `ReflectionService`. */
  const schema: object
}

/** Server reflection, with the API of npm `@grpc/reflection`. */
export namespace reflection {
  /**
   * Where services come from: what `@grpc/proto-loader` or ironwire's `protobuf` has loaded, one service of that, or
   * the bytes of a `FileDescriptorSet`.
   */
  type Source = PackageDefinition | SchemaService | Uint8Array | object

  /** The services `grpc.reflection.v1.ServerReflection` and `v1alpha`. */
  class ReflectionService {
    /** `services` are the full names of the services to list. Default: all. */
    constructor(pkg: Source | readonly Source[], options?: { services?: string[] })
    /** Adds the services to a server. */
    addToServer(server: AnyServer): void
  }
}
