/** A client of etcd (its API v3), over ironwire's own gRPC: keys, transactions, watches and leases, at whichever member answers. `docs/etcd.md`. */

import type { EventEmitter } from 'node:events'
import type { ClientTlsOptions } from '../rpc/index.js'

/** Bytes, or text as UTF-8. */
export type Bytes = string | Uint8Array
/** What etcd counts, and numbers of leases: a number while it is exact, a BigInt beyond. */
export type Whole = number | bigint
/** A key, all that begin with a text, or those from one to another, which is not among them. */
export type Range = Bytes | { prefix: Bytes } | { from: Bytes; to?: Bytes }

type Callback<T> = (error: Error | null, value: T) => void

export interface ConnectOptions {
  /** Who asks; both or none. Default: what the URL says, `etcd://username:password@host`. */
  username?: string
  password?: string
  /** Node's options of TLS, for endpoints that begin with `https://`, and with them for all. */
  tls?: ClientTlsOptions
  /** Milliseconds that a request may take, whatever happens to members meanwhile. Default 30,000; 0 for no limit. */
  timeout?: number
  /** The longest answer that is taken. Default 16 MiB. */
  maxMessageBytes?: number
  /** What a watch takes when it reads all that there is, or holds of a revision that comes in parts. Default 256 MiB. */
  maxWatchBytes?: number
}

export interface RequestOptions {
  /** Milliseconds for this one. */
  timeout?: number
  signal?: AbortSignal
}

export interface WriteOptions extends RequestOptions {
  /** It may be carried out twice, and is made again where nobody knows whether it was. Default `false`. */
  idempotent?: boolean
}

interface RangeParts {
  /** So many entries at most. */
  limit?: Whole
  /** As it was then. Default: as it is. */
  revision?: Whole
  /** As the member that is asked has it, which may be old; it answers without the others. Default `false`. */
  serializable?: boolean
  sort?: { by?: 'key' | 'version' | 'createRevision' | 'modRevision' | 'value'; order?: 'ascending' | 'descending' }
  keysOnly?: boolean
  countOnly?: boolean
}

interface PutParts {
  /** The lease that the key stays as long as. */
  lease?: Whole
  /** Whether the answer has what was there. */
  previous?: boolean
  /** Leaves the value as it is, which is then given as `null`. */
  keepValue?: boolean
  /** Leaves the key with the lease that it has. */
  keepLease?: boolean
}

export interface RangeOptions extends RangeParts, RequestOptions {}
export interface PutOptions extends PutParts, WriteOptions {}
export interface DeleteOptions extends WriteOptions {
  previous?: boolean
}

/** What is at a key. */
export interface Entry {
  key: Buffer
  value: Buffer
  /** The revisions in which it was made and changed last, and how often it was changed since. */
  createRevision: number
  modRevision: number
  version: number
  /** 0 for none. */
  lease: Whole
}

export interface RangeResult {
  entries: Entry[]
  /** Whether there are more than the limit. */
  more: boolean
  /** How many there are, whatever the limit is. */
  count: number
  revision: number
}

export interface PutResult {
  revision: number
  previous: Entry | null
}

export interface DeleteResult {
  revision: number
  deleted: number
  previous: Entry[]
}

/** What must hold of a key, or of every key of a range. */
export type Comparison = { key: Range; is?: '=' | '!=' | '<' | '>' } & (
  | { version: Whole }
  | { createRevision: Whole }
  | { modRevision: Whole }
  | { value: Bytes }
  | { lease: Whole }
)

export type Operation =
  | ({ get: Range } & RangeParts)
  | ({ put: Bytes; value: Bytes | null } & PutParts)
  | { delete: Range; previous?: boolean }
  | { txn: Transaction }

export interface Transaction {
  /** All must hold. */
  compare?: Comparison[]
  /** What is done if they do, and if not. */
  success?: Operation[]
  failure?: Operation[]
}

export interface TransactionResult {
  succeeded: boolean
  revision: number
  /** Of each operation that was done, in their order. */
  results: (RangeResult | PutResult | DeleteResult | TransactionResult)[]
}

export interface WatchOptions {
  /** From which revision on. Default: from when etcd has the watch, which may be behind a change that is asked for at the same time. */
  revision?: Whole
  /** Tells at first all that there is, by `'reset'`, and then what changes. Default `false`. */
  initial?: boolean
  /** Whether changes have what was there before. Default `false`. */
  previous?: boolean
}

export interface Change {
  type: 'put' | 'delete'
  /** Of a key that was deleted, only the key and the revision. */
  entry: Entry
  previous: Entry | null
}

/** Changes of keys, in order and once each, across members that fail. */
export interface Watcher extends EventEmitter {
  /** What was told last. */
  readonly revision: number
  close(): void
  on(event: 'put' | 'delete', listener: (entry: Entry, previous: Entry | null) => void): this
  /** The changes that came together, before `'put'` and `'delete'` of each. */
  on(event: 'events', listener: (changes: Change[], revision: number) => void): this
  /** All that there is: what was known before is to be replaced. */
  on(event: 'reset', listener: (entries: Entry[], revision: number) => void): this
  /** Changes from `revision` on are not to be had any more; a `'reset'` follows. */
  on(event: 'compacted', listener: (lost: { revision: number; compactRevision: number }) => void): this
  /** It goes on at another member, or tries again; nothing is lost. */
  on(event: 'disconnect' | 'retry', listener: (error: EtcdError) => void): this
  /** It has ended: etcd refuses it. */
  on(event: 'error', listener: (error: EtcdError) => void): this
  on(event: 'close', listener: () => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** A lease that is kept alive until it is revoked, and granted anew when it was lost. */
export interface Lease extends EventEmitter {
  /** `null` while etcd has none. Another one after each `'lost'`. */
  readonly id: Whole | null
  /** Seconds, as etcd has granted them. */
  readonly ttl: number
  /** Puts a key that goes with the lease, and is put again with the next one. */
  put(key: Bytes, value: Bytes): Promise<PutResult>
  put(key: Bytes, value: Bytes, callback: Callback<PutResult>): void
  delete(key: Bytes): Promise<DeleteResult>
  delete(key: Bytes, callback: Callback<DeleteResult>): void
  /** Lets it go, with all its keys. */
  revoke(): Promise<void>
  revoke(callback: (error: Error | null) => void): void
  on(event: 'granted', listener: (id: Whole) => void): this
  on(event: 'lost' | 'close', listener: () => void): this
  on(event: 'retry', listener: (error: EtcdError) => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

export class Client extends EventEmitter {
  constructor(endpoints?: string | readonly string[], options?: ConnectOptions)
  readonly endpoints: { endpoint: string; connected: boolean }[]
  /** What is at a key, or `null`. */
  get(key: Bytes, options?: RangeOptions): Promise<Entry | null>
  get(key: Bytes, callback: Callback<Entry | null>): void
  get(key: Bytes, options: RangeOptions, callback: Callback<Entry | null>): void
  range(range: Range, options?: RangeOptions): Promise<RangeResult>
  range(range: Range, callback: Callback<RangeResult>): void
  range(range: Range, options: RangeOptions, callback: Callback<RangeResult>): void
  put(key: Bytes, value: Bytes | null, options?: PutOptions): Promise<PutResult>
  put(key: Bytes, value: Bytes | null, callback: Callback<PutResult>): void
  put(key: Bytes, value: Bytes | null, options: PutOptions, callback: Callback<PutResult>): void
  delete(range: Range, options?: DeleteOptions): Promise<DeleteResult>
  delete(range: Range, callback: Callback<DeleteResult>): void
  delete(range: Range, options: DeleteOptions, callback: Callback<DeleteResult>): void
  /** One of two lists of operations, all of it or nothing. */
  txn(transaction: Transaction, options?: WriteOptions): Promise<TransactionResult>
  txn(transaction: Transaction, callback: Callback<TransactionResult>): void
  txn(transaction: Transaction, options: WriteOptions, callback: Callback<TransactionResult>): void
  /** Has etcd forget what was before a revision. `physical` waits until it is off the disk. */
  compact(revision: Whole, options?: WriteOptions & { physical?: boolean }): Promise<{ revision: number }>
  compact(revision: Whole, callback: Callback<{ revision: number }>): void
  compact(
    revision: Whole,
    options: WriteOptions & { physical?: boolean },
    callback: Callback<{ revision: number }>,
  ): void
  watch(range: Range, options?: WatchOptions): Watcher
  /** A lease of so many seconds. */
  lease(ttl: number): Promise<Lease>
  lease(ttl: number, callback: Callback<Lease>): void
  /** A method of etcd's without streams, `'Maintenance/Status'`, with its message and its answer as etcd has them, their fields in camel case. */
  call(method: string, message?: object, options?: WriteOptions): Promise<Record<string, unknown>>
  call(method: string, message: object, callback: Callback<Record<string, unknown>>): void
  call(method: string, message: object, options: WriteOptions, callback: Callback<Record<string, unknown>>): void
  /** Ends watches, leaves leases to end by themselves; what was asked already may be answered. */
  close(): void
  ref(): this
  /** Watches and leases do not keep the process running. */
  unref(): this
  /** There is a member to talk to, there is none. */
  on(event: 'connect' | 'disconnect', listener: () => void): this
  on(event: string | symbol, listener: (...args: unknown[]) => void): this
}

/** A request that failed; `code` is one of those in `docs/etcd.md`. */
export class EtcdError extends Error {
  readonly code: string
  /** `false` promises that etcd has not done it and never will; `true` says that it may have. */
  readonly sent: boolean
  /** gRPC's status, and what etcd said. */
  readonly status?: number
  readonly details?: string
}

/** A client of the cluster with these endpoints: `'host:2379'`, `'https://host:2379'`, `'etcd://host,host2'`, or some of them. Default: this machine's. */
export function connect(endpoints?: string | readonly string[], options?: ConnectOptions): Client
