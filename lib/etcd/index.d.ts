/**
 * A client of etcd (API v3) over ironwire's own gRPC: keys, transactions, watches and leases. If one member of the
 * cluster fails, requests go to another.
 *
 * Methods take an error-first callback as their last argument, and return a promise without one. Failed requests give
 * an {@link EtcdError}; wrong arguments throw Node's errors, unknown options `IRONWIRE_UNKNOWN_OPTION`.
 * `docs/etcd.md` describes the behaviour.
 *
 * Source: https://etcd.io/docs/latest/learning/api/
 *
 * @example
 * ```js
 * const client = etcd.connect(['a:2379', 'b:2379', 'c:2379'])
 * await client.put('courses/1', 'java')
 * const entry = await client.get('courses/1') // entry.value is a Buffer
 * ```
 */

import type { EventEmitter } from 'node:events'
import type { ClientTlsOptions } from '../rpc/index.js'

/** A key or a value: bytes, or text, which is taken as UTF-8. */
export type Bytes = string | Uint8Array
/** A 64-bit integer, such as a revision or the id of a lease: a number up to 2^53 - 1, a BigInt beyond. */
export type Whole = number | bigint
/**
 * One key, all keys with a prefix, or all keys from `from` up to but not including `to` (without `to`: up to the
 * end). An empty prefix means all keys.
 */
export type Range = Bytes | { prefix: Bytes } | { from: Bytes; to?: Bytes }

type Callback<T> = (error: Error | null, value: T) => void

/** Options of {@link connect}. */
export interface ConnectOptions {
  /**
   * The name of an etcd user. Needs `password`. Default: the one in the URL (`etcd://username:password@host`), if
   * any.
   */
  username?: string
  /** The password of the user. */
  password?: string
  /**
   * Options of TLS, with the names of `node:tls`. If they are given, all endpoints use TLS, not only those that begin
   * with `https://`.
   */
  tls?: ClientTlsOptions
  /** How many milliseconds a request may take, including attempts at other members; 0 for no limit. Default: 30,000. */
  timeout?: number
  /** The longest answer to accept, in bytes, 1,024 or more. Default: 16 MiB. */
  maxMessageBytes?: number
  /**
   * How many bytes a watch may hold when it reads all entries of its range, or when one revision arrives in parts;
   * 1,024 or more. A watch that needs more ends with `IRONWIRE_ETCD_EXHAUSTED`. Default: 256 MiB.
   */
  maxWatchBytes?: number
}

/** Options of every request. */
export interface RequestOptions {
  /** How many milliseconds this request may take. Default: the client's `timeout`. */
  timeout?: number
  /** Cancels the request. It then fails with `IRONWIRE_ETCD_ABORTED`. */
  signal?: AbortSignal
}

/** Options of every request that changes something. */
export interface WriteOptions extends RequestOptions {
  /**
   * Whether the request may be carried out twice. Then it is made again if nobody knows whether it was. The second time
   * may come after later writes, if a member was stopped in between. Default: `false`.
   */
  idempotent?: boolean
}

/** What a read may say, alone or in a transaction. */
interface RangeParts {
  /** The largest number of entries to return; 0 for all. Default: all. */
  limit?: Whole
  /** Read what was there at this revision. Default: now. */
  revision?: Whole
  /**
   * Let the member answer from what it knows, without asking the others. This is faster, but may be out of date.
   * Default: `false`.
   */
  serializable?: boolean
  /** How to sort the entries. Default: by key, ascending. */
  sort?: { by?: 'key' | 'version' | 'createRevision' | 'modRevision' | 'value'; order?: 'ascending' | 'descending' }
  /** Return entries without their values. Default: `false`. */
  keysOnly?: boolean
  /** Return the number of entries only. Default: `false`. */
  countOnly?: boolean
}

/** What a write may say, alone or in a transaction. */
interface PutParts {
  /** The lease of the key: when it ends, the key is deleted. Default: none. */
  lease?: Whole
  /** Return the entry that was there before. Default: `false`. */
  previous?: boolean
  /** Keep the value that is there; give `null` as the value then. Default: `false`. */
  keepValue?: boolean
  /** Keep the lease that the key has. Default: `false`. */
  keepLease?: boolean
}

/** Options of `get` and `range`. */
export interface RangeOptions extends RangeParts, RequestOptions {}
/** Options of `put`. */
export interface PutOptions extends PutParts, WriteOptions {}
/** Options of `delete`. */
export interface DeleteOptions extends WriteOptions {
  /** Return the entries that were deleted. Default: `false`. */
  previous?: boolean
}

/** A key with its value. */
export interface Entry {
  /** The key. */
  key: Buffer
  /** The value. */
  value: Buffer
  /** The revision in which the key was created. */
  createRevision: number
  /** The revision in which it was changed last. */
  modRevision: number
  /** How often it was written since it was created; 1 for a new key. */
  version: number
  /** The id of its lease; 0 for none. */
  lease: Whole
}

/** The result of `range`. */
export interface RangeResult {
  /** The entries. */
  entries: Entry[]
  /** Whether there are more entries than `limit`. */
  more: boolean
  /** How many entries there are, regardless of `limit`. */
  count: number
  /** The revision of the store when it answered. */
  revision: number
}

/** The result of `put`. */
export interface PutResult {
  /** The revision of the write. */
  revision: number
  /** The entry before, if you asked for it and there was one. */
  previous: Entry | null
}

/** The result of `delete`. */
export interface DeleteResult {
  /** The revision of the deletion. */
  revision: number
  /** How many keys were deleted. */
  deleted: number
  /** The deleted entries, if you asked for them. */
  previous: Entry[]
}

/**
 * A condition of a transaction: how one property of a key, or of every key of a range, compares to a value. `is`
 * defaults to `'='`. A key that does not exist has `version`, `createRevision` and `modRevision` 0.
 */
export type Comparison = { key: Range; is?: '=' | '!=' | '<' | '>' } & (
  | { version: Whole }
  | { createRevision: Whole }
  | { modRevision: Whole }
  | { value: Bytes }
  | { lease: Whole }
)

/** One operation of a transaction: a read, a write, a deletion, or another transaction, up to 16 deep. */
export type Operation =
  | ({ get: Range } & RangeParts)
  | ({ put: Bytes; value: Bytes | null } & PutParts)
  | { delete: Range; previous?: boolean }
  | { txn: Transaction }

/** Conditions and two lists of operations. etcd carries out one of the lists, completely or not at all. */
export interface Transaction {
  /** The conditions. All must hold for `success`. Default: none. */
  compare?: Comparison[]
  /** The operations if all conditions hold. */
  success?: Operation[]
  /** The operations if one does not hold. */
  failure?: Operation[]
}

/** The result of `txn`. */
export interface TransactionResult {
  /** Whether all conditions held. */
  succeeded: boolean
  /** The revision of the transaction. */
  revision: number
  /** The results of the operations that were carried out, in their order. */
  results: (RangeResult | PutResult | DeleteResult | TransactionResult)[]
}

/** Options of `watch`. */
export interface WatchOptions {
  /**
   * The first revision whose changes to report. Default: from the moment when etcd has received the watch. A change
   * that you request right after `watch()` may come before that moment; to miss nothing, give the revision that you
   * have read plus one, or use `initial`.
   */
  revision?: Whole
  /** Report all entries first, by `'reset'`, and then their changes. Default: `false`. */
  initial?: boolean
  /** Whether changes include the entry that was there before. Default: `false`. */
  previous?: boolean
}

/** A change of a key. */
export interface Change {
  /** Whether the key was written or deleted. */
  type: 'put' | 'delete'
  /** The entry after the change. Of a deleted key, only `key` and `modRevision` have a meaning. */
  entry: Entry
  /** The entry before the change, if `previous` was asked for and there was one. */
  previous: Entry | null
}

/** Reports the changes of a range, in order and each once, even if members of the cluster fail. */
export interface Watcher extends EventEmitter {
  /** The revision that was reported last. */
  readonly revision: number
  /** Ends the watch. */
  close(): void
  /** A key was written or deleted. */
  on(event: 'put' | 'delete', listener: (entry: Entry, previous: Entry | null) => void): this
  /** Changes that arrived together. Emitted before `'put'` and `'delete'` of each. */
  on(event: 'events', listener: (changes: Change[], revision: number) => void): this
  /**
   * All entries of the range. They replace what you knew before. Emitted first with `initial`, and after
   * `'compacted'`.
   */
  on(event: 'reset', listener: (entries: Entry[], revision: number) => void): this
  /**
   * Changes from `revision` on can no longer be reported. etcd has deleted those before `compactRevision`, or all (0:
   * another cluster, or a backup). A `'reset'` follows.
   */
  on(event: 'compacted', listener: (lost: { revision: number; compactRevision: number }) => void): this
  /** The watch continues at another member, or tries again. No change is lost. */
  on(event: 'disconnect' | 'retry', listener: (error: EtcdError) => void): this
  /** etcd has refused the watch. It has ended. */
  on(event: 'error', listener: (error: EtcdError) => void): this
  /** The watch has ended. */
  on(event: 'close', listener: () => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/**
 * A lease that the client keeps alive until you revoke it. If etcd loses it, for example because this process was
 * stopped for too long, the client gets another one and writes its keys again.
 */
export interface Lease extends EventEmitter {
  /** The id of the lease; `null` while there is none. After `'lost'` it is another one. */
  readonly id: Whole | null
  /** How many seconds etcd has granted. */
  readonly ttl: number
  /**
   * Writes a key that is deleted when the lease ends. If the lease is lost, the key is written again with the next
   * one. A key whose first `put()` has failed is not written later on its own.
   */
  put(key: Bytes, value: Bytes): Promise<PutResult>
  /** The same with a callback. */
  put(key: Bytes, value: Bytes, callback: Callback<PutResult>): void
  /** Deletes a key, so that it is not written again. */
  delete(key: Bytes): Promise<DeleteResult>
  /** The same with a callback. */
  delete(key: Bytes, callback: Callback<DeleteResult>): void
  /** Ends the lease and deletes its keys. */
  revoke(): Promise<void>
  /** The same with a callback. */
  revoke(callback: (error: Error | null) => void): void
  /** etcd has granted the lease, for the first time or again. */
  on(event: 'granted', listener: (id: Whole) => void): this
  /** `'lost'`: etcd has ended the lease; another one follows. `'close'`: the lease was revoked or the client closed. */
  on(event: 'lost' | 'close', listener: () => void): this
  /** A request for the lease failed and is made again. */
  on(event: 'retry', listener: (error: EtcdError) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/**
 * A client of an etcd cluster. Emits `'connect'` when it has a connection to a member, `'disconnect'` when it has
 * none.
 */
export class Client extends EventEmitter {
  /** The same as {@link connect}. */
  constructor(endpoints?: string | readonly string[], options?: ConnectOptions)
  /** The members, and whether there is a connection to each. */
  readonly endpoints: { endpoint: string; connected: boolean }[]
  /** Reads a key. The result is `null` if it does not exist. */
  get(key: Bytes, options?: RangeOptions): Promise<Entry | null>
  /** The same with a callback. */
  get(key: Bytes, callback: Callback<Entry | null>): void
  /** The same with a callback. */
  get(key: Bytes, options: RangeOptions, callback: Callback<Entry | null>): void
  /** Reads the entries of a range. */
  range(range: Range, options?: RangeOptions): Promise<RangeResult>
  /** The same with a callback. */
  range(range: Range, callback: Callback<RangeResult>): void
  /** The same with a callback. */
  range(range: Range, options: RangeOptions, callback: Callback<RangeResult>): void
  /** Writes a key. `value` is `null` with `keepValue` only. */
  put(key: Bytes, value: Bytes | null, options?: PutOptions): Promise<PutResult>
  /** The same with a callback. */
  put(key: Bytes, value: Bytes | null, callback: Callback<PutResult>): void
  /** The same with a callback. */
  put(key: Bytes, value: Bytes | null, options: PutOptions, callback: Callback<PutResult>): void
  /** Deletes the keys of a range. */
  delete(range: Range, options?: DeleteOptions): Promise<DeleteResult>
  /** The same with a callback. */
  delete(range: Range, callback: Callback<DeleteResult>): void
  /** The same with a callback. */
  delete(range: Range, options: DeleteOptions, callback: Callback<DeleteResult>): void
  /**
   * Carries out one of two lists of operations, completely or not at all.
   *
   * @example
   * ```js
   * const { succeeded } = await client.txn({
   *   compare: [{ key: 'lock', createRevision: 0 }],
   *   success: [{ put: 'lock', value: 'mine' }],
   *   failure: [{ get: 'lock' }],
   * })
   * ```
   */
  txn(transaction: Transaction, options?: WriteOptions): Promise<TransactionResult>
  /** The same with a callback. */
  txn(transaction: Transaction, callback: Callback<TransactionResult>): void
  /** The same with a callback. */
  txn(transaction: Transaction, options: WriteOptions, callback: Callback<TransactionResult>): void
  /** Deletes the history before a revision. With `physical`, the answer comes when it is off the disk. */
  compact(revision: Whole, options?: WriteOptions & { physical?: boolean }): Promise<{ revision: number }>
  /** The same with a callback. */
  compact(revision: Whole, callback: Callback<{ revision: number }>): void
  /** The same with a callback. */
  compact(
    revision: Whole,
    options: WriteOptions & { physical?: boolean },
    callback: Callback<{ revision: number }>,
  ): void
  /**
   * Reports the changes of a range. All watches of a client share one stream.
   *
   * @example
   * ```js
   * client.watch({ prefix: 'workers/' }, { initial: true })
   *   .on('reset', (entries) => console.log(entries.length))
   *   .on('put', ({ key, value }) => console.log(`${key} is ${value}`))
   *   .on('delete', ({ key }) => console.log(`${key} is gone`))
   * ```
   */
  watch(range: Range, options?: WatchOptions): Watcher
  /** Gets a lease of `ttl` seconds, a whole number from 1 to 9,000,000,000. */
  lease(ttl: number): Promise<Lease>
  /** The same with a callback. */
  lease(ttl: number, callback: Callback<Lease>): void
  /**
   * Calls any other method of etcd that has no streams, such as `'Maintenance/Status'`. Message and answer are etcd's
   * own, with their fields in camel case.
   *
   * @throws `ERR_INVALID_ARG_VALUE` if there is no such method.
   */
  call(method: string, message?: object, options?: WriteOptions): Promise<Record<string, unknown>>
  /** The same with a callback. */
  call(method: string, message: object, callback: Callback<Record<string, unknown>>): void
  /** The same with a callback. */
  call(method: string, message: object, options: WriteOptions, callback: Callback<Record<string, unknown>>): void
  /**
   * Ends watches and stops keeping leases alive, without revoking them: they expire. Requests that were made before
   * may still be answered.
   */
  close(): void
  /** Lets watches and leases keep the process running, as they do from the start. */
  ref(): this
  /** Lets the process exit although there are watches and leases. */
  unref(): this
  /** The client has a connection to a member, or has none any more. */
  on(event: 'connect' | 'disconnect', listener: () => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** A request that failed. `docs/etcd.md` lists the codes. */
export class EtcdError extends Error {
  /** One of the `IRONWIRE_ETCD_…` codes. */
  readonly code: string
  /** Whether etcd may have carried out the request. `false` is a promise that it has not and never will. */
  readonly sent: boolean
  /** The gRPC status, if etcd answered. */
  readonly status?: number
  /** What etcd said, if it answered. */
  readonly details?: string
}

/**
 * Creates a client of the cluster with these endpoints. Each is `'host:2379'`, `'https://host:2379'` or
 * `'etcd://host:2379,host2:2379'`; the port defaults to 2379. Default: `'127.0.0.1:2379'`.
 *
 * @throws `ERR_INVALID_ARG_VALUE` for an endpoint that cannot be read.
 */
export function connect(endpoints?: string | readonly string[], options?: ConnectOptions): Client
