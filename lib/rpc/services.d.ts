/**
 * Types of the clients and handlers of a schema's services. `ironwire pbts` writes the types of a schema, so that
 * TypeScript knows its messages here.
 */

import type { Readable, Writable } from 'node:stream'
import type { MessageType, MethodInfo, ServiceInfo } from '../protobuf/index.js'
import type {
  CallOptions,
  ClientCall,
  ClientStream,
  Metadata,
  MetadataInit,
  RpcError,
  ServerCall,
  ServerStream,
  StreamCallOptions,
} from './index.js'

// biome-ignore lint/suspicious/noExplicitAny: what a schema declares is known where `ironwire pbts` wrote it out
type Dynamic = any

type Written<M> = M extends MessageType<infer T, Dynamic> ? T : never
type Read<M> = M extends MessageType<Dynamic, infer D> ? D : never
type IsDynamic<T> = 0 extends 1 & T ? true : false

/** What the messages of a stream can be taken from: an iterable or async iterable. */
export type Messages<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T>

/**
 * Called once when a typed call ends: with an error, or with the reply and the metadata that the server sent with it,
 * if any.
 */
export type ResultCallback<T> = (error: RpcError | null, reply: T, metadata?: Metadata) => void

/** A client's method without streams. It calls back or returns a promise. */
export interface UnaryMethod<Request, Reply> {
  (request: Request | null | undefined, callback: ResultCallback<Reply>): ClientCall
  (request: Request | null | undefined, options: CallOptions | undefined, callback: ResultCallback<Reply>): ClientCall
  (request?: Request | null, options?: CallOptions): Promise<Reply>
}

/** A client's method whose answer is a stream. */
export type ServerStreamingMethod<Request, Reply> = (
  request?: Request | null,
  options?: StreamCallOptions,
) => ClientStream<never, Reply>

/**
 * A client's method that takes a stream of requests and gives one reply. With an iterable and no callback it returns
 * a promise of the reply, otherwise a stream to write.
 */
export interface ClientStreamingMethod<Request, Reply> {
  (requests: Messages<Request>, options?: StreamCallOptions): Promise<Reply>
  (requests: Messages<Request> | null | undefined, callback: ResultCallback<Reply>): ClientStream<Request, never, Reply>
  (
    requests: Messages<Request> | null | undefined,
    options: StreamCallOptions | undefined,
    callback: ResultCallback<Reply>,
  ): ClientStream<Request, never, Reply>
  (requests?: null, options?: StreamCallOptions): ClientStream<Request, never, Reply>
}

/** A client's method with a stream in both directions. */
export type BidirectionalMethod<Request, Reply> = (
  requests?: Messages<Request> | null,
  options?: StreamCallOptions,
) => ClientStream<Request, Reply>

/** The function that `client.service()` has for a method of the schema. */
export type ClientMethod<M> =
  M extends MethodInfo<infer I, infer O, infer C, infer S>
    ? boolean extends C
      ? Dynamic
      : C extends true
        ? S extends true
          ? BidirectionalMethod<Written<I>, Read<O>>
          : ClientStreamingMethod<Written<I>, Read<O>>
        : S extends true
          ? ServerStreamingMethod<Written<I>, Read<O>>
          : UnaryMethod<Written<I>, Read<O>>
    : never

/** The result of `client.service()`: one function for each method, with a lower-case first letter. */
export type ServiceClient<S> =
  IsDynamic<S> extends true
    ? Dynamic
    : S extends ServiceInfo<infer M>
      ? { readonly [K in keyof M & string as Uncapitalize<K>]: ClientMethod<M[K]> }
      : never

/** Answers a call, once: with an error, or with a reply and metadata. */
export type TypedAnswer<T> = (error?: unknown, reply?: T | null, metadata?: MetadataInit) => void

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers otherwise returns nothing
type Reply<T> = T | null | undefined | void
type Replies<T> = Messages<T> | Readable | Writable | Reply<never> | boolean

/** The handler that `server.addService()` takes for a method of the schema. */
export type HandlerOf<M> =
  M extends MethodInfo<infer I, infer O, infer C, infer S>
    ? boolean extends C
      ? Dynamic
      : C extends true
        ? S extends true
          ? (
              requests: ServerStream<Read<I>, Written<O>>,
              call: ServerStream<Read<I>, Written<O>>,
            ) => Replies<Written<O>> | Promise<Replies<Written<O>>>
          : (
              requests: ServerStream<Read<I>, never>,
              callback: TypedAnswer<Written<O>>,
              call: ServerStream<Read<I>, never>,
            ) => Reply<Written<O>> | PromiseLike<Reply<Written<O>>>
        : S extends true
          ? (
              request: Read<I>,
              call: ServerStream<never, Written<O>>,
            ) => Replies<Written<O>> | Promise<Replies<Written<O>>>
          : (
              request: Read<I>,
              callback: TypedAnswer<Written<O>>,
              call: ServerCall,
            ) => Reply<Written<O>> | PromiseLike<Reply<Written<O>>>
    : never

/** The handlers that `server.addService()` takes, by the names of the methods with a lower-case first letter. */
export type ServiceHandlers<S> =
  IsDynamic<S> extends true
    ? Dynamic
    : S extends ServiceInfo<infer M>
      ? { [K in keyof M & string as Uncapitalize<K>]?: HandlerOf<M[K]> }
      : never
