/**
 * `grpc`: the API of `@grpc/grpc-js` over our own HTTP/2. What of that is not here throws an error with the code `IRONWIRE_GRPC_UNSUPPORTED`; see
 * docs/grpc.md.
 */

import { EventEmitter } from 'node:events'
import { Duplex, Readable, Writable } from 'node:stream'
import { PeerCertificate, SecureContext, SecureContextOptions } from 'node:tls'
import type { ClientTlsOptions } from '../rpc/index.js'

/** The codes that calls end with. */
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

/** States of a channel. */
export enum connectivityState {
  IDLE = 0,
  CONNECTING = 1,
  READY = 2,
  TRANSIENT_FAILURE = 3,
  SHUTDOWN = 4,
}

export enum logVerbosity {
  DEBUG = 0,
  INFO = 1,
  ERROR = 2,
  NONE = 3,
}

export enum compressionAlgorithms {
  identity = 0,
  deflate = 1,
  gzip = 2,
}

/** What a call takes over from its parent. */
export enum propagate {
  DEADLINE = 1,
  CENSUS_STATS_CONTEXT = 2,
  CENSUS_TRACING_CONTEXT = 4,
  CANCELLATION = 8,
  DEFAULTS = 65535,
}

/** A time: a `Date`, or milliseconds since 1970. `Infinity` is no deadline. */
export type Deadline = Date | number

// --- metadata

/** Text, or bytes for keys that end with `-bin`. */
export type MetadataValue = string | Buffer

export interface MetadataOptions {
  /** The call waits until there is a connection, instead of failing when there is none. */
  waitForReady?: boolean
  idempotentRequest?: boolean
  cacheableRequest?: boolean
  corked?: boolean
}

/** Keys, which are in lower case, with one value or more each. */
export class Metadata {
  constructor(options?: MetadataOptions)
  set(key: string, value: MetadataValue): void
  add(key: string, value: MetadataValue): void
  remove(key: string): void
  get(key: string): MetadataValue[]
  /** The first value of each key. */
  getMap(): { [key: string]: MetadataValue }
  clone(): Metadata
  merge(other: Metadata): void
  setOptions(options: MetadataOptions): void
  getOptions(): MetadataOptions
  toHttp2Headers(): { [key: string]: string | string[] }
  toJSON(): { [key: string]: MetadataValue[] }
  /** Attaches something that is not sent. */
  setOpaque(key: string, value: unknown): void
  getOpaque(key: string): unknown
  static fromHttp2Headers(headers: { [key: string]: number | string | string[] | undefined }): Metadata
}

// --- statuses

export interface StatusObject {
  code: status
  details: string
  metadata: Metadata
}

/** How a call ends that has not gone well. */
export type ServiceError = StatusObject & Error

export class StatusBuilder {
  withCode(code: status): this
  withDetails(details: string): this
  withMetadata(metadata: Metadata): this
  build(): Partial<StatusObject>
}

// --- services

export type serialize<T> = (value: T) => Buffer
export type deserialize<T> = (bytes: Buffer) => T

/** One method, as clients and servers need it. */
export interface MethodDefinition<Request, Response> {
  path: string
  requestStream: boolean
  responseStream: boolean
  requestSerialize: serialize<Request>
  requestDeserialize: deserialize<Request>
  responseSerialize: serialize<Response>
  responseDeserialize: deserialize<Response>
  /** Another name for it. */
  originalName?: string
}

export type ServiceDefinition<Implementation = { [name: string]: any }> = {
  readonly [name in keyof Implementation]: MethodDefinition<any, any>
}

/** A service of a schema of ironwire's `protobuf`. */
export interface SchemaService {
  readonly name: string
  readonly fullName: string
  readonly methods: { [name: string]: any }
}

export interface ProtobufTypeDefinition {
  format: string
  type: object
  fileDescriptorProtos: Buffer[]
}

export interface PackageDefinition {
  [fullName: string]: ServiceDefinition | ProtobufTypeDefinition
}

export interface ServiceClientConstructor {
  new (address: string, credentials: ChannelCredentials, options?: Partial<ChannelOptions>): ServiceClient
  service: ServiceDefinition
  serviceName: string
}

export interface ServiceClient extends Client {
  [method: string]: any
}

export interface GrpcObject {
  [name: string]: GrpcObject | ServiceClientConstructor | ProtobufTypeDefinition
}

/** A class of clients that have the service's methods. */
export function makeClientConstructor(
  service: ServiceDefinition | SchemaService,
  serviceName?: string,
  classOptions?: object,
): ServiceClientConstructor
export { makeClientConstructor as makeGenericClientConstructor }

/** What `@grpc/proto-loader` has loaded, as packages of client constructors. */
export function loadPackageDefinition(definition: PackageDefinition): GrpcObject

// --- credentials

/** What TLS says of the other end, where it is who it should be; nothing without TLS. */
export interface AuthContext {
  transportSecurityType?: string
  sslPeerCertificate?: PeerCertificate
}

/** How a client looks at the server's certificate. */
export interface VerifyOptions {
  /** Returns what is wrong with a certificate of the host, in the place of Node's `tls.checkServerIdentity`. */
  checkServerIdentity?: (host: string, certificate: PeerCertificate) => Error | undefined
  /** Whether servers whose certificate is not verified are refused: they are. */
  rejectUnauthorized?: boolean
}

export abstract class ChannelCredentials {
  /** Without TLS. */
  static createInsecure(): ChannelCredentials
  /**
   * TLS by rustls. Without `rootCerts`, those count that the environment names (`GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`), else Node's.
   * `GRPC_SSL_CIPHER_SUITES` names suites.
   * @throws `IRONWIRE_GRPC_UNSUPPORTED`: what rustls cannot do, by name.
   */
  static createSsl(
    rootCerts?: Buffer | null,
    privateKey?: Buffer | null,
    certChain?: Buffer | null,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials
  /**
   * The same with a secure context that ironwire's `tls.createSecureContext` has made.
   * @throws `IRONWIRE_GRPC_UNSUPPORTED`: one that Node has made, which does not show what is in it.
   */
  static createFromSecureContext(secureContext: SecureContext, verifyOptions?: VerifyOptions): ChannelCredentials
  /** With what each call over the channel adds. Throws where there is no TLS. */
  compose(callCredentials: CallCredentials): ChannelCredentials
  abstract _isSecure(): boolean
  abstract _equals(other: ChannelCredentials): boolean
}

export interface CallMetadataOptions {
  /** The path of the method. */
  method_name: string
  /** `https://host/service`. */
  service_url: string
}

export type CallMetadataGenerator = (
  options: CallMetadataOptions,
  callback: (error: Error | null, metadata?: Metadata) => void,
) => void

/** A client of google-auth-library's. */
export type OAuth2Client =
  | { getRequestHeaders(url?: string): Promise<{ [name: string]: string } | Iterable<[string, string]>> }
  | {
      getRequestMetadata(
        url: string,
        callback: (error: Error | null, headers?: { [name: string]: string }) => void,
      ): void
    }

/** On whose behalf a call is made: metadata that are made for each. */
export abstract class CallCredentials {
  /** A call whose metadata cannot be made ends with the `code` of the error, else with `UNKNOWN`. */
  static createFromMetadataGenerator(generator: CallMetadataGenerator): CallCredentials
  static createFromGoogleCredential(client: OAuth2Client): CallCredentials
  static createEmpty(): CallCredentials
  abstract generateMetadata(options: CallMetadataOptions): Promise<Metadata>
  /** Both. */
  compose(other: CallCredentials): CallCredentials
  abstract _equals(other: CallCredentials): boolean
}

export interface KeyCertPair {
  private_key: Buffer
  cert_chain: Buffer
}

export abstract class ServerCredentials {
  /** For classes of one's own: options of TLS that stay (null for no TLS), and what is shown, which may become something else. */
  constructor(
    settings?: { requestCert?: boolean; rejectUnauthorized?: boolean; ciphers?: string } | null,
    identity?: SecureContextOptions | null,
  )
  /** Without TLS. */
  static createInsecure(): ServerCredentials
  /** TLS by rustls. With `checkClientCertificate`, only clients come in that have a certificate of `rootCerts`. */
  static createSsl(
    rootCerts: Buffer | null,
    keyCertPairs: KeyCertPair[],
    checkClientCertificate?: boolean,
  ): ServerCredentials
  /** Connections to come are shown this, or ended where it is null. */
  protected updateSecureContextOptions(identity: SecureContextOptions | null): void
  _isSecure(): boolean
  abstract _equals(other: ServerCredentials): boolean
}

export const credentials: {
  createInsecure: typeof ChannelCredentials.createInsecure
  createSsl: typeof ChannelCredentials.createSsl
  createFromSecureContext: typeof ChannelCredentials.createFromSecureContext
  createFromMetadataGenerator: typeof CallCredentials.createFromMetadataGenerator
  createFromGoogleCredential: typeof CallCredentials.createFromGoogleCredential
  createEmpty: typeof CallCredentials.createEmpty
  combineChannelCredentials(channel: ChannelCredentials, ...calls: CallCredentials[]): ChannelCredentials
  combineCallCredentials(first: CallCredentials, ...more: CallCredentials[]): CallCredentials
}

// --- options

/** Options of both clients and servers. */
export interface CommonOptions {
  /** How messages are compressed that are sent, by the peer's leave: not at all. */
  'grpc.default_compression_algorithm'?: compressionAlgorithms
  /** Bytes of a message that is sent; -1, the default, is no limit. */
  'grpc.max_send_message_length'?: number
  /** Bytes of a message that is received, also when it is unpacked: 4 MiB; -1 is no limit. */
  'grpc.max_receive_message_length'?: number
  /** Bytes of a header or trailers that are received: 64 KiB. */
  'grpc.max_metadata_size'?: number
  /** Milliseconds between two pings: none. */
  'grpc.keepalive_time_ms'?: number
  /** Milliseconds in which a ping must be answered: 20,000. */
  'grpc.keepalive_timeout_ms'?: number
  /** 0: channelz does not tell of it. */
  'grpc.enable_channelz'?: number
  /** Bytes that the peer may send on a stream before they are taken: 256 KiB. */
  'grpc-node.flow_control_window'?: number
}

export interface ChannelOptions extends CommonOptions {
  /** What calls name as their server's: the target. */
  'grpc.default_authority'?: string
  /** The HTTP proxy that leads to the servers, `http://user:password@host:port`: that of the environment's `grpc_proxy`, `https_proxy` or `http_proxy`. */
  'grpc.http_proxy'?: string
  /** 0: none is used. */
  'grpc.enable_http_proxy'?: number
  /** What a proxy is asked for, if the target is the proxy: `host:port`. */
  'grpc.http_connect_target'?: string
  /** As whom: `user:password`. */
  'grpc.http_connect_creds'?: string
  /** The name that the server's certificate must have, in the place of the target's. */
  'grpc.ssl_target_name_override'?: string
  'grpc.primary_user_agent'?: string
  'grpc.secondary_user_agent'?: string
  /** Pings are sent also when there are no calls. */
  'grpc.keepalive_permit_without_calls'?: number
  /** Where calls go, how long they take, what is tried again, as JSON, unless the name of the target says that itself. */
  'grpc.service_config'?: string
  /** 1: what a name says about that is not asked for. */
  'grpc.service_config_disable_resolution'?: number
  /** Milliseconds between two questions for a name: 30,000. */
  'grpc.dns_min_time_between_resolutions_ms'?: number
  /** 0: no call is made more than once. */
  'grpc.enable_retries'?: number
  /** Attempts of a call, whatever its service says: 5. */
  'grpc-node.retry_max_attempts_limit'?: number
  /** Bytes that a call may keep to be sent again: 1 MiB, */
  'grpc.per_rpc_retry_buffer_size'?: number
  /** and all calls together: 16 MiB. */
  'grpc.retry_buffer_size'?: number
  /** 1: the connections are shared with no other channel. */
  'grpc.use_local_subchannel_pool'?: number
  /** Milliseconds without a call after which connections end: 30 minutes; 1000 at least. */
  'grpc.client_idle_timeout_ms'?: number
  /** As whom, and with which TLS, an etcd is asked that a target names (`etcd://host:2379,host2:2379/service`, `docs/etcd.md`). */
  'ironwire.etcd'?: { username?: string; password?: string; tls?: ClientTlsOptions }
  /** Milliseconds before a connection is tried again: 1000 at first, */
  'grpc.initial_reconnect_backoff_ms'?: number
  /** and 120,000 in the end. */
  'grpc.max_reconnect_backoff_ms'?: number
  [option: string]: unknown
}
export type ClientOptions = Partial<ChannelOptions> & {
  /** A channel that there is already. */
  channelOverride?: ChannelInterface
  /** Makes the channel. */
  channelFactoryOverride?: (
    address: string,
    credentials: ChannelCredentials,
    options: ClientOptions,
  ) => ChannelInterface
  interceptors?: Interceptor[]
  interceptor_providers?: InterceptorProvider[]
  /** Sees each call before it begins, and may change it. */
  callInvocationTransformer?: CallInvocationTransformer
}

export interface CallProperties<Request, Response> {
  argument?: Request
  metadata: Metadata
  call:
    | ClientUnaryCall
    | ClientReadableStream<Response>
    | ClientWritableStream<Request>
    | ClientDuplexStream<Request, Response>
  channel: ChannelInterface
  methodDefinition: ClientMethodDefinition<Request, Response>
  callOptions: CallOptions
  callback?: requestCallback<Response>
}
export type CallInvocationTransformer = (properties: CallProperties<any, any>) => CallProperties<any, any>

export interface ServerOptions extends CommonOptions {
  /** The first is the one that is nearest to the client. */
  interceptors?: ServerInterceptor[]
  /** What handlers record of their calls is sent behind the response. */
  'grpc.server_call_metric_recording'?: number
  /** Calls of a connection at a time: 4096. */
  'grpc.max_concurrent_streams'?: number
  /** Milliseconds after which a connection takes no more calls, give or take a tenth, */
  'grpc.max_connection_age_ms'?: number
  /** and after which those that there are then are ended: never. */
  'grpc.max_connection_age_grace_ms'?: number
  /** Milliseconds between two pings of a client's, unless it was sent something meanwhile: any number. */
  'grpc.http2.min_ping_interval_without_data_ms'?: number
  /** Pings that may come sooner, before the connection ends: 2; 0 is any number. */
  'grpc.http2.max_ping_strikes'?: number
  /** 1: the same interval holds while there are no calls; two hours otherwise. */
  'grpc.keepalive_permit_without_calls'?: number
  /** Milliseconds without a call after which a connection is ended: never. */
  'grpc.max_connection_idle_ms'?: number
  [option: string]: unknown
}

export interface CallOptions {
  deadline?: Deadline
  /** What the call names as its server's. */
  host?: string
  /** The call of a server's for which this one is made. */
  parent?:
    | ServerUnaryCall<any, any>
    | ServerReadableStream<any, any>
    | ServerWritableStream<any, any>
    | ServerDuplexStream<any, any>
  /** What is taken over from it, of {@link propagate}: all. */
  propagate_flags?: number
  /** On whose behalf it is made. */
  credentials?: CallCredentials
  /** In the place of those of the client. */
  interceptors?: Interceptor[]
  /** Interceptors that are made for each method; not together with the others. */
  interceptor_providers?: InterceptorProvider[]
}

// --- clients

export interface ClientUnaryCall extends EventEmitter {
  cancel(): void
  getPeer(): string
  getAuthContext(): AuthContext | null
}

export interface ClientReadableStream<Response> extends Readable {
  cancel(): void
  getPeer(): string
  getAuthContext(): AuthContext | null
  read(size?: number): Response
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Response>
}

export interface ClientWritableStream<Request> extends Writable {
  cancel(): void
  getPeer(): string
  getAuthContext(): AuthContext | null
  write(message: Request, callback?: (error?: Error | null) => void): boolean
  write(message: Request, encoding?: any, callback?: (error?: Error | null) => void): boolean
}

export interface ClientDuplexStream<Request, Response> extends Duplex {
  cancel(): void
  getPeer(): string
  getAuthContext(): AuthContext | null
  read(size?: number): Response
  write(message: Request, callback?: (error?: Error | null) => void): boolean
  write(message: Request, encoding?: any, callback?: (error?: Error | null) => void): boolean
  [Symbol.asyncIterator](): NodeJS.AsyncIterator<Response>
}

export type requestCallback<Response> = (error: ServiceError | null, value?: Response) => void

/** A client of any service. */
export class Client {
  constructor(address: string, credentials: ChannelCredentials, options?: ClientOptions)
  close(): void
  getChannel(): ChannelInterface
  /** Calls back when there is a connection, or with an error at the deadline. */
  waitForReady(deadline: Deadline, callback: (error?: Error) => void): void
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadataOrOptions: Metadata | CallOptions,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    callback: requestCallback<Response>,
  ): ClientUnaryCall
  /** Without a callback, the response is a promise. */
  makeUnaryRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): Promise<Response> & { call: ClientUnaryCall }
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata: Metadata,
    options: CallOptions,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadataOrOptions: Metadata | CallOptions,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    callback: requestCallback<Response>,
  ): ClientWritableStream<Request>
  /** Without a callback, the response is a promise that the stream has. */
  makeClientStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientWritableStream<Request> & { response: Promise<Response> }
  makeServerStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    argument: Request,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientReadableStream<Response>
  makeBidiStreamRequest<Request, Response>(
    path: string,
    serialize: serialize<Request>,
    deserialize: deserialize<Response>,
    metadata?: Metadata | CallOptions,
    options?: CallOptions,
  ): ClientDuplexStream<Request, Response>
}

// --- interceptors of clients

/** A method as clients have it. */
export type ClientMethodDefinition<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestStream' | 'responseStream' | 'requestSerialize' | 'responseDeserialize'
>

export interface InterceptorOptions extends CallOptions {
  method_definition: ClientMethodDefinition<any, any>
}

/** Gives the call further down. */
export type NextCall = (options: InterceptorOptions) => InterceptingCallInterface

/** Makes a call of the one further down. */
export type Interceptor = (options: InterceptorOptions, nextCall: NextCall) => InterceptingCallInterface

export type InterceptorProvider = (method: ClientMethodDefinition<any, any>) => Interceptor | null | undefined

/** Both kinds of interceptors were given. */
export class InterceptorConfigurationError extends Error {}

/** What is told of a call. */
export interface InterceptingListener {
  onReceiveMetadata(metadata: Metadata): void
  onReceiveMessage(message: any): void
  onReceiveStatus(status: StatusObject): void
}

export type MetadataListener = (metadata: Metadata, next: (metadata: Metadata) => void) => void
export type MessageListener = (message: any, next: (message: any) => void) => void
export type StatusListener = (status: StatusObject, next: (status: StatusObject) => void) => void

/** What is told of a call, with what passes it on. */
export interface Listener {
  onReceiveMetadata?: MetadataListener
  onReceiveMessage?: MessageListener
  onReceiveStatus?: StatusListener
}

/** What is done with a call, with what passes it on. */
export interface Requester {
  start?: (
    metadata: Metadata,
    listener: InterceptingListener,
    next: (metadata: Metadata, listener: InterceptingListener | Listener) => void,
  ) => void
  sendMessage?: (message: any, next: (message: any) => void) => void
  halfClose?: (next: () => void) => void
  cancel?: (next: () => void) => void
}

export class ListenerBuilder {
  withOnReceiveMetadata(listener: MetadataListener): this
  withOnReceiveMessage(listener: MessageListener): this
  withOnReceiveStatus(listener: StatusListener): this
  build(): Listener
}

export class RequesterBuilder {
  withStart(start: NonNullable<Requester['start']>): this
  withSendMessage(sendMessage: NonNullable<Requester['sendMessage']>): this
  withHalfClose(halfClose: NonNullable<Requester['halfClose']>): this
  withCancel(cancel: NonNullable<Requester['cancel']>): this
  build(): Requester
}

export interface MessageContext {
  callback?: (error?: Error | null) => void
  flags?: number
}

export interface InterceptingCallInterface {
  cancelWithStatus(status: status, details: string): void
  getPeer(): string
  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void
  sendMessageWithContext(context: MessageContext, message: any): void
  sendMessage(message: any): void
  startRead(): void
  halfClose(): void
  getAuthContext(): AuthContext | null
}

/** A call that an interceptor stands before. */
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

/** A call whose messages are bytes. */
export interface CallStream {
  start(metadata: Metadata, listener: InterceptingListener): void
  sendMessageWithContext(context: MessageContext, message: Buffer): void
  /** Has the listener be told one message. */
  startRead(): void
  halfClose(): void
  cancelWithStatus(status: status, details: string): void
  getPeer(): string
  getAuthContext(): AuthContext | null
  getCallNumber(): number
  setCredentials(credentials: CallCredentials): void
}

/** A channel of whatever make. */
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

/** What channelz knows something by. */
export interface ChannelzRef {
  kind: 'channel' | 'server'
  id: number
  name: string
}

/** Calls to a target: connections are made with the first call, and again when they are lost. */
export class Channel implements ChannelInterface {
  constructor(target: string, credentials: ChannelCredentials, options?: Partial<ChannelOptions>)
  close(): void
  getTarget(): string
  getConnectivityState(tryToConnect: boolean): connectivityState
  /** Calls back when the state is another one than `current`, or with an error at the deadline. */
  watchConnectivityState(current: connectivityState, deadline: Deadline, callback: (error?: Error) => void): void
  createCall(
    method: string,
    deadline: Deadline,
    host?: string | null,
    parentCall?: any,
    propagateFlags?: number | null,
  ): CallStream
  getChannelzRef(): ChannelzRef
}

// --- names

/** A target in parts: `scheme://authority/path`. */
export interface GrpcUri {
  scheme?: string
  authority?: string
  path: string
}

export interface HostPort {
  host: string
  port?: number
}

/** The address of a socket, or of one in the file system. */
export type SubchannelAddress = { host: string; port: number } | { path: string }

/** One server, which may have several addresses. */
export interface Endpoint {
  addresses: SubchannelAddress[]
}

export type StatusOr<T> = { ok: true; value: T } | { ok: false; error: StatusObject }

/** Takes what was found: endpoints, or why there are none, and the service config that goes with them, if any. Says whether that was of use. */
export type ResolverListener = (
  endpoints: StatusOr<Endpoint[]>,
  attributes: { [name: string]: unknown },
  serviceConfig: StatusOr<object> | null,
  /** Is told with errors. */
  resolutionNote: string,
) => boolean

export interface Resolver {
  /** Endpoints are wanted: calls the listener, later, and again when they change. */
  updateResolution(): void
  /** They are not wanted any more, until they are asked for again. */
  destroy(): void
}

export interface ResolverConstructor {
  new (target: GrpcUri, listener: ResolverListener, options: ChannelOptions): Resolver
  /** What calls name as their server's. */
  getDefaultAuthority(target: GrpcUri): string
}

export interface CaCertificateUpdate {
  caCertificate: Buffer
}
export interface IdentityCertificateUpdate {
  certificate: Buffer
  privateKey: Buffer
}
export type CaCertificateUpdateListener = (update: CaCertificateUpdate | null) => void
export type IdentityCertificateUpdateListener = (update: IdentityCertificateUpdate | null) => void

/** Tells listeners of certificates, now and whenever there are others; null where there are none. */
export interface CertificateProvider {
  addCaCertificateListener(listener: CaCertificateUpdateListener): void
  removeCaCertificateListener(listener: CaCertificateUpdateListener): void
  addIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void
  removeIdentityCertificateListener(listener: IdentityCertificateUpdateListener): void
}

export interface FileWatcherCertificateProviderConfig {
  certificateFile?: string
  privateKeyFile?: string
  caCertificateFile?: string
  refreshIntervalMs: number
}

export const experimental: {
  /** Reads files again and again, while somebody listens. */
  FileWatcherCertificateProvider: new (
    config: FileWatcherCertificateProviderConfig,
  ) => CertificateProvider
  createCertificateProviderChannelCredentials(
    caCertificateProvider: CertificateProvider,
    identityCertificateProvider: CertificateProvider | null,
    verifyOptions?: VerifyOptions,
  ): ChannelCredentials
  createCertificateProviderServerCredentials(
    identityCertificateProvider: CertificateProvider,
    caCertificateProvider: CertificateProvider | null,
    requireClientCertificate: boolean,
  ): ServerCredentials
  createServerCredentialsWithInterceptors(
    credentials: ServerCredentials,
    interceptors: ServerInterceptor[],
  ): ServerCredentials
  /** Has targets of a scheme, such as `consul://…`, resolved by a class. */
  registerResolver(scheme: string, resolver: ResolverConstructor): void
  statusOrFromValue<T>(value: T): StatusOr<T>
  statusOrFromError<T>(error: Partial<StatusObject> & { code: status; details: string }): StatusOr<T>
  uriToString(uri: GrpcUri): string
  splitHostPort(path: string): HostPort | null
  /** Another service for `addAdminServicesToServer`. */
  registerAdminService(
    getServiceDefinition: () => ServiceDefinition,
    getHandlers: () => UntypedServiceImplementation,
  ): void
  /** Says something to the logger. */
  log(severity: logVerbosity, ...args: unknown[]): void
}

export function closeClient(client: Client): void
export function waitForClientReady(client: Client, deadline: Deadline, callback: (error?: Error) => void): void
export function getClientChannel(client: Client): ChannelInterface

// --- servers

export interface ServerSurfaceCall {
  /** The call has ended, one way or another. The event `'cancelled'` says so. */
  cancelled: boolean
  readonly metadata: Metadata
  /** Metadata before the first message. */
  sendMetadata(metadata: Metadata): void
  getPeer(): string
  getDeadline(): Deadline
  getPath(): string
  getHost(): string
  getAuthContext(): AuthContext
  getMetricsRecorder(): PerRequestMetricRecorder
}

export type ServerUnaryCall<Request, Response> = ServerSurfaceCall & EventEmitter & { request: Request }
export type ServerReadableStream<Request, Response> = ServerSurfaceCall &
  Readable & { read(size?: number): Request; [Symbol.asyncIterator](): NodeJS.AsyncIterator<Request> }
export type ServerWritableStream<Request, Response> = ServerSurfaceCall &
  Writable & {
    request: Request
    write(message: Response, callback?: (error?: Error | null) => void): boolean
    end(trailers?: Metadata): void
  }
export type ServerDuplexStream<Request, Response> = ServerSurfaceCall &
  Duplex & {
    read(size?: number): Request
    write(message: Response, callback?: (error?: Error | null) => void): boolean
    end(trailers?: Metadata): void
    [Symbol.asyncIterator](): NodeJS.AsyncIterator<Request>
  }

export type ServerErrorResponse = Partial<StatusObject> & Partial<Error>
export type ServerStatusResponse = Partial<StatusObject>

/** The answer of a handler: an error, or a message, with metadata behind it. */
export type sendUnaryData<Response> = (
  error: ServerErrorResponse | ServerStatusResponse | null,
  value?: Response | null,
  trailers?: Metadata,
  flags?: number,
) => void

/** A handler that does not name the callback answers with a promise. */
export type handleUnaryCall<Request, Response> =
  | ((call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => void)
  | ((call: ServerUnaryCall<Request, Response>) => Promise<Response>)
export type handleClientStreamingCall<Request, Response> =
  | ((call: ServerReadableStream<Request, Response>, callback: sendUnaryData<Response>) => void)
  | ((call: ServerReadableStream<Request, Response>) => Promise<Response>)
export type handleServerStreamingCall<Request, Response> = (call: ServerWritableStream<Request, Response>) => void
export type handleBidiStreamingCall<Request, Response> = (call: ServerDuplexStream<Request, Response>) => void
export type UntypedHandleCall =
  | handleUnaryCall<any, any>
  | handleClientStreamingCall<any, any>
  | handleServerStreamingCall<any, any>
  | handleBidiStreamingCall<any, any>
export interface UntypedServiceImplementation {
  [name: string]: UntypedHandleCall
}

// --- interceptors of servers

/** A method as servers have it. */
export type ServerMethodDefinition<Request, Response> = Pick<
  MethodDefinition<Request, Response>,
  'path' | 'requestStream' | 'responseStream' | 'requestDeserialize' | 'responseSerialize'
>

/** Makes a call of the one further down. */
export type ServerInterceptor = (
  method: ServerMethodDefinition<any, any>,
  call: ServerInterceptingCallInterface,
) => ServerInterceptingCall

export type PartialStatusObject = Pick<StatusObject, 'code' | 'details'> & { metadata?: Metadata | null }

/** What is told of a call. */
export interface InterceptingServerListener {
  onReceiveMetadata(metadata: Metadata): void
  onReceiveMessage(message: any): void
  onReceiveHalfClose(): void
  onCancel(): void
}

/** What is told of a call, with what passes it on. */
export interface ServerListener {
  onReceiveMetadata?: (metadata: Metadata, next: (metadata: Metadata) => void) => void
  onReceiveMessage?: (message: any, next: (message: any) => void) => void
  onReceiveHalfClose?: (next: () => void) => void
  /** The call is over, one way or another. */
  onCancel?: () => void
}

/** What is answered, with what passes it on. */
export interface Responder {
  start?: (next: (listener?: ServerListener) => void) => void
  sendMetadata?: (metadata: Metadata, next: (metadata: Metadata) => void) => void
  sendMessage?: (message: any, next: (message: any) => void) => void
  sendStatus?: (status: PartialStatusObject, next: (status: PartialStatusObject) => void) => void
}

export class ServerListenerBuilder {
  withOnReceiveMetadata(listener: NonNullable<ServerListener['onReceiveMetadata']>): this
  withOnReceiveMessage(listener: NonNullable<ServerListener['onReceiveMessage']>): this
  withOnReceiveHalfClose(listener: NonNullable<ServerListener['onReceiveHalfClose']>): this
  withOnCancel(listener: NonNullable<ServerListener['onCancel']>): this
  build(): ServerListener
}

export class ResponderBuilder {
  withStart(start: NonNullable<Responder['start']>): this
  withSendMetadata(sendMetadata: NonNullable<Responder['sendMetadata']>): this
  withSendMessage(sendMessage: NonNullable<Responder['sendMessage']>): this
  withSendStatus(sendStatus: NonNullable<Responder['sendStatus']>): this
  build(): Responder
}

export interface ConnectionInfo {
  localAddress?: string
  localPort?: number
  remoteAddress?: string
  remotePort?: number
}

export interface ServerInterceptingCallInterface {
  start(listener: InterceptingServerListener): void
  sendMetadata(metadata: Metadata): void
  sendMessage(message: any, callback: () => void): void
  sendStatus(status: PartialStatusObject): void
  /** Has the listener be told one message, or the end. */
  startRead(): void
  getPeer(): string
  getDeadline(): Deadline
  getHost(): string
  getAuthContext(): AuthContext
  getConnectionInfo(): ConnectionInfo
}

/** A call that an interceptor stands before. */
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

/** Connections that a server has not accepted itself. */
export interface ConnectionInjector {
  /** Serves what a stream carries: a socket that came to another server, say, or a tunnel. It ends with the connection. */
  injectConnection(connection: Duplex): void
  /** Ends the connections that there are, with their calls in so many milliseconds at most. */
  drain(graceTimeMs: number): void
  /** Takes no more, and lets those that there are end. */
  destroy(): void
}

export class Server {
  constructor(options?: ServerOptions)
  addService(service: ServiceDefinition | SchemaService, implementation: UntypedServiceImplementation): void
  removeService(service: ServiceDefinition | SchemaService): void
  register<Request, Response>(
    path: string,
    handler: UntypedHandleCall,
    serialize: serialize<Response>,
    deserialize: deserialize<Request>,
    type: 'unary' | 'clientStream' | 'serverStream' | 'bidi',
  ): boolean
  unregister(path: string): boolean
  /** Listens at `host:port` or `unix:path`; calls back with the port. */
  bindAsync(port: string, credentials: ServerCredentials, callback: (error: Error | null, port: number) => void): void
  /** Listens there no more; calls that there are go on. */
  unbind(port: string): void
  /** Ends the connections of a port, with their calls in so many milliseconds at most. */
  drain(port: string, graceTime: number): void
  /** For connections that come another way than to a port. */
  createConnectionInjector(credentials: ServerCredentials): ConnectionInjector
  getChannelzRef(): ChannelzRef
  /** @deprecated A server serves when it is bound. */
  start(): void
  /** Takes no more calls, and calls back when those that there are have ended. */
  tryShutdown(callback: (error?: Error) => void): void
  /** Ends at once. */
  forceShutdown(): void
}

// --- metrics

/** What a handler records of its call, of `call.getMetricsRecorder()`: sent behind the response with `grpc.server_call_metric_recording`. */
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

/** What a server is at, for clients that want to hear of it in intervals (`xds.service.orca.v3.OpenRcaService`). */
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
  addToServer(server: AnyServer): void
}

// --- logging

/** Takes what is logged; `console` is one. The standard one writes to stderr. */
export function setLogger(logger: Partial<Pick<Console, 'error' | 'info' | 'debug'>>): void
/** What is logged: errors only, unless `GRPC_VERBOSITY` says otherwise. At `INFO`, what handlers have thrown. */
export function setLogVerbosity(verbosity: logVerbosity): void

// --- channelz

/** The service `grpc.channelz.v1.Channelz`, for servers and clients; 64-bit numbers are text, as with `@grpc/proto-loader`'s `longs: String`. */
export function getChannelzServiceDefinition(): ServiceDefinition
/** What answers for it: it tells of the channels, servers and connections of this process. */
export function getChannelzHandlers(): UntypedServiceImplementation
/** Adds channelz, and what `experimental.registerAdminService` was given, to a server of ours, or of `@grpc/grpc-js`. */
export function addAdminServicesToServer(server: AnyServer): void

// --- health checking and reflection

/** What services are added to: a server of ours, or of `@grpc/grpc-js`. */
interface AnyServer {
  addService(service: any, implementation: any): void
}

export namespace health {
  type ServingStatus = 'UNKNOWN' | 'SERVING' | 'NOT_SERVING'

  /** The service `grpc.health.v1.Health`, with the API of npm `grpc-health-check`. */
  class HealthImplementation {
    /** Statuses by services; that of `''` is the whole server's. */
    constructor(statuses?: { [service: string]: ServingStatus })
    /** Those who watch the service hear of it. */
    setStatus(service: string, status: ServingStatus): void
    addToServer(server: AnyServer): void
  }

  /** The service, for `makeClientConstructor`. */
  const service: ServiceDefinition
  /** Its schema, for `ReflectionService`. */
  const schema: object
}

export namespace reflection {
  /**
   * Where services come from: what `@grpc/proto-loader` or ironwire's `protobuf` has loaded, one service of that, or the bytes of a
   * `FileDescriptorSet`.
   */
  type Source = PackageDefinition | SchemaService | Uint8Array | object

  /** The services `grpc.reflection.v1.ServerReflection` and `v1alpha`, with the API of npm `@grpc/reflection`. */
  class ReflectionService {
    /** `services` are the full names of those that are listed: all by default. */
    constructor(pkg: Source | readonly Source[], options?: { services?: string[] })
    addToServer(server: AnyServer): void
  }
}
