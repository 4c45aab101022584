/** Types of the clients and handlers of a schema's services. */

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

/** What messages can be streamed from. */
export type Messages<T> = Iterable<T | PromiseLike<T>> | AsyncIterable<T>

/** How a typed call ends. `metadata` is what the server sent with its answer, if anything. */
export type ResultCallback<T> = (error: RpcError | null, reply: T, metadata?: Metadata) => void

/** A method without streams. */
export interface UnaryMethod<Request, Reply> {
  (request: Request | null | undefined, callback: ResultCallback<Reply>): ClientCall
  (request: Request | null | undefined, options: CallOptions | undefined, callback: ResultCallback<Reply>): ClientCall
  (request?: Request | null, options?: CallOptions): Promise<Reply>
}

/** A method that answers with a stream. */
export type ServerStreamingMethod<Request, Reply> = (
  request?: Request | null,
  options?: StreamCallOptions,
) => ClientStream<never, Reply>

/** A method that takes a stream. */
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

/** A method with a stream both ways. */
export type BidirectionalMethod<Request, Reply> = (
  requests?: Messages<Request> | null,
  options?: StreamCallOptions,
) => ClientStream<Request, Reply>

/** A method as `client.service()` gives it. */
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

/** The methods of a service, by their names in lower camel case. */
export type ServiceClient<S> =
  IsDynamic<S> extends true
    ? Dynamic
    : S extends ServiceInfo<infer M>
      ? { readonly [K in keyof M & string as Uncapitalize<K>]: ClientMethod<M[K]> }
      : never

/** Answers a call, once. */
export type TypedAnswer<T> = (error?: unknown, reply?: T | null, metadata?: MetadataInit) => void

// biome-ignore lint/suspicious/noConfusingVoidType: a handler that answers otherwise returns nothing
type Reply<T> = T | null | undefined | void
type Replies<T> = Messages<T> | Readable | Writable | Reply<never> | boolean

/** The handler of a method. */
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

/** Handlers of the methods of a service, by their names in lower camel case. */
export type ServiceHandlers<S> =
  IsDynamic<S> extends true
    ? Dynamic
    : S extends ServiceInfo<infer M>
      ? { [K in keyof M & string as Uncapitalize<K>]?: HandlerOf<M[K]> }
      : never
