/**
 * Binary data: numbers, one or many, records compiled once, messages in streams, work on whole buffers. `docs/codec.md`.
 */

import type { Duplex, Transform, TransformOptions } from 'node:stream'

// ---- numbers: Node's own methods of Buffer with the same names, as functions on any Uint8Array

export function readInt8(buffer: Uint8Array, offset?: number): number
export function readUInt8(buffer: Uint8Array, offset?: number): number
export function readUint8(buffer: Uint8Array, offset?: number): number
export function readInt16LE(buffer: Uint8Array, offset?: number): number
export function readInt16BE(buffer: Uint8Array, offset?: number): number
export function readUInt16LE(buffer: Uint8Array, offset?: number): number
export function readUint16LE(buffer: Uint8Array, offset?: number): number
export function readUInt16BE(buffer: Uint8Array, offset?: number): number
export function readUint16BE(buffer: Uint8Array, offset?: number): number
export function readInt32LE(buffer: Uint8Array, offset?: number): number
export function readInt32BE(buffer: Uint8Array, offset?: number): number
export function readUInt32LE(buffer: Uint8Array, offset?: number): number
export function readUint32LE(buffer: Uint8Array, offset?: number): number
export function readUInt32BE(buffer: Uint8Array, offset?: number): number
export function readUint32BE(buffer: Uint8Array, offset?: number): number
export function readBigInt64LE(buffer: Uint8Array, offset?: number): bigint
export function readBigInt64BE(buffer: Uint8Array, offset?: number): bigint
export function readBigUInt64LE(buffer: Uint8Array, offset?: number): bigint
export function readBigUint64LE(buffer: Uint8Array, offset?: number): bigint
export function readBigUInt64BE(buffer: Uint8Array, offset?: number): bigint
export function readBigUint64BE(buffer: Uint8Array, offset?: number): bigint
export function readFloatLE(buffer: Uint8Array, offset?: number): number
export function readFloatBE(buffer: Uint8Array, offset?: number): number
export function readDoubleLE(buffer: Uint8Array, offset?: number): number
export function readDoubleBE(buffer: Uint8Array, offset?: number): number
export function readIntLE(buffer: Uint8Array, offset: number, byteLength: number): number
export function readIntBE(buffer: Uint8Array, offset: number, byteLength: number): number
export function readUIntLE(buffer: Uint8Array, offset: number, byteLength: number): number
export function readUintLE(buffer: Uint8Array, offset: number, byteLength: number): number
export function readUIntBE(buffer: Uint8Array, offset: number, byteLength: number): number
export function readUintBE(buffer: Uint8Array, offset: number, byteLength: number): number
export function writeInt8(buffer: Uint8Array, value: number, offset?: number): number
export function writeUInt8(buffer: Uint8Array, value: number, offset?: number): number
export function writeUint8(buffer: Uint8Array, value: number, offset?: number): number
export function writeInt16LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeInt16BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUInt16LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUint16LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUInt16BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUint16BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeInt32LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeInt32BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUInt32LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUint32LE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUInt32BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeUint32BE(buffer: Uint8Array, value: number, offset?: number): number
export function writeBigInt64LE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeBigInt64BE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeBigUInt64LE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeBigUint64LE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeBigUInt64BE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeBigUint64BE(buffer: Uint8Array, value: bigint, offset?: number): number
export function writeFloatLE(buffer: Uint8Array, value: number, offset?: number): number
export function writeFloatBE(buffer: Uint8Array, value: number, offset?: number): number
export function writeDoubleLE(buffer: Uint8Array, value: number, offset?: number): number
export function writeDoubleBE(buffer: Uint8Array, value: number, offset?: number): number
export function writeIntLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
export function writeIntBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
export function writeUIntLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
export function writeUintLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
export function writeUIntBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
export function writeUintBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number

// ---- arrays of numbers

/** What the elements of each type are in JavaScript. */
export interface ArrayTypes {
  i8: Int8Array
  u8: Uint8Array
  i16le: Int16Array
  i16be: Int16Array
  u16le: Uint16Array
  u16be: Uint16Array
  i24le: Int32Array
  i24be: Int32Array
  u24le: Uint32Array
  u24be: Uint32Array
  i32le: Int32Array
  i32be: Int32Array
  u32le: Uint32Array
  u32be: Uint32Array
  i40le: Float64Array
  i40be: Float64Array
  u40le: Float64Array
  u40be: Float64Array
  i48le: Float64Array
  i48be: Float64Array
  u48le: Float64Array
  u48be: Float64Array
  i64le: BigInt64Array
  i64be: BigInt64Array
  u64le: BigUint64Array
  u64be: BigUint64Array
  f16le: Float32Array
  f16be: Float32Array
  f32le: Float32Array
  f32be: Float32Array
  f64le: Float64Array
  f64be: Float64Array
  /** LEB128 without a sign; within 2^53 - 1, as numbers. */
  uleb128: Float64Array
  /** LEB128 in two's complement. */
  sleb128: Float64Array
  /** The varints of protobuf's `sint64`. */
  zigzag: Float64Array
  /** The same of 64 bits. */
  uleb128n: BigUint64Array
  sleb128n: BigInt64Array
  zigzagn: BigInt64Array
}

export interface WriteArrayOptions {
  /** Bytes from the beginning of one number to that of the next. Default: what a number takes. Not for varints. */
  stride?: number
}

export interface ReadArrayOptions<A> extends WriteArrayOptions {
  /** The array to fill, instead of a new one: the result is it, or a view of its beginning. */
  into?: A
}

export interface ReadArray {
  /**
   * Reads `count` numbers from `offset`, by default 0, on into a typed array. Without `count`: as many whole ones as there are, or as `into`
   * has room for.
   */
  <T extends keyof ArrayTypes>(
    type: T,
    buffer: Uint8Array,
    offset?: number,
    count?: number,
    options?: ReadArrayOptions<ArrayTypes[T]>,
  ): ArrayTypes[T]
  /** Bytes that the last call read, the gaps between numbers included. */
  bytes: number
}

export const readArray: ReadArray

/**
 * Writes all values from `offset`, by default 0, on, and returns the offset behind the last. Gaps stay as they are. A value that the type cannot
 * say is an error, and leaves every byte as it was. From a typed array of the type's own class this is one call of Rust; from another, the
 * numbers are collected and checked first.
 */
export function writeArray<T extends keyof ArrayTypes>(
  type: T,
  buffer: Uint8Array,
  values:
    | ArrayTypes[T]
    | (ArrayTypes[T] extends BigInt64Array | BigUint64Array
        ? readonly bigint[] | BigInt64Array | BigUint64Array
        : readonly number[] | NumberArray),
  offset?: number,
  options?: WriteArrayOptions,
): number

/** Any typed array whose elements are numbers. */
export type NumberArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array

// ---- whole buffers: Buffer's methods as functions on any Uint8Array, in Rust where that is faster

/** Bytes as text: junk in a text is what it is to `Buffer.from`. */
export interface TextForm {
  encode(bytes: Uint8Array): string
  decode(text: string): Buffer
}

/** Text as bytes. */
export interface Charset {
  encode(text: string): Buffer
  decode(bytes: Uint8Array): string
}

export const hex: TextForm
export const base64: TextForm
export const base64url: TextForm
export const utf8: Charset & {
  /** Whether the bytes are well-formed UTF-8. */
  validate(bytes: Uint8Array | ArrayBuffer): boolean
}
export const latin1: Charset
/** Little endian. */
export const utf16: Charset

/** `node:buffer`'s own. */
export const transcode: typeof import('node:buffer').transcode

export function indexOf(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): number
export function lastIndexOf(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): number
export function includes(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): boolean

export function compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1
export function equals(a: Uint8Array, b: Uint8Array): boolean
export function concat(list: readonly Uint8Array[], totalLength?: number): Buffer
export function fill<B extends Uint8Array>(
  bytes: B,
  value: string | number | Uint8Array,
  offset?: number,
  end?: number,
  encoding?: BufferEncoding,
): B
export function fill<B extends Uint8Array>(bytes: B, value: string, encoding: BufferEncoding): B

/** Turns the two bytes of each pair around, in place, and returns the same. */
export function swap16<B extends Uint8Array>(bytes: B): B
export function swap32<B extends Uint8Array>(bytes: B): B
export function swap64<B extends Uint8Array>(bytes: B): B

// ---- records

/** A number's type: kind, bits, byte order. Those of 64-bit integers are bigints in JavaScript. */
export type FieldType =
  | 'i8'
  | 'u8'
  | 'i16le'
  | 'i16be'
  | 'u16le'
  | 'u16be'
  | 'i32le'
  | 'i32be'
  | 'u32le'
  | 'u32be'
  | 'f32le'
  | 'f32be'
  | 'f64le'
  | 'f64be'
  | BigFieldType

export type BigFieldType = 'i64le' | 'i64be' | 'u64le' | 'u64be'

/** The object that a layout describes. */
export type RecordOf<L> = { [K in keyof L]: L[K] extends BigFieldType ? bigint : number }

/** A layout, compiled. */
export interface Layout<T> {
  /** Bytes of one record. */
  readonly size: number
  /** Reads the record at `offset`, by default 0. */
  read(buffer: Uint8Array, offset?: number): T
  /**
   * Writes a record at `offset`, by default 0, and returns the offset behind it. A field that is missing or out of its type's range
   * is an error, and leaves every byte as it was.
   */
  write(buffer: Uint8Array, record: T, offset?: number): number
}

/**
 * Compiles a layout of named fields that lie one after the other. JavaScript moves names that are integers to the front of an
 * object: give pairs where order matters for such names.
 */
export function record<const L extends Record<string, FieldType>>(fields: L): Layout<RecordOf<L>>
export function record(
  fields: ReadonlyArray<readonly [name: string, type: FieldType]>,
): Layout<Record<string, number | bigint>>

// ---- layouts

/** What a type of the layout language is in JavaScript, as far as its name says. */
type ValueOfText<T extends string> = T extends `${string}]` ? ListOfText<T> : ScalarOfText<T>

type ListOfText<T extends string> = T extends `${infer Item}[${string}` ? ScalarOfText<Item>[] : unknown[]

type Digits = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9
/** The widths of integers that are numbers: up to 53 bits. */
type Narrow = `${Digits}` | `${1 | 2 | 3 | 4}${0 | Digits}` | '50' | '51' | '52' | '53'
type Wide = '54' | '55' | '56' | '57' | '58' | '59' | '60' | '61' | '62' | '63' | '64'
type Order = '' | 'be' | 'le'

type ScalarOfText<T extends string> = T extends `${'u' | 'i'}${Narrow}${Order}` | `f${16 | 32 | 64}${Order}`
  ? number
  : T extends `${'u' | 'i'}${Wide}${Order}` | `${'uleb128' | 'sleb128' | 'zigzag'}n${string}`
    ? bigint
    : T extends `${'uleb128' | 'sleb128' | 'zigzag'}${string}`
      ? number
      : T extends 'flag' | 'bool'
        ? boolean
        : T extends `${'utf8' | 'latin1' | 'ascii' | 'utf16le' | 'utf16be' | 'hex' | 'base64'}(${string}`
          ? string
          : T extends `bytes(${string}`
            ? Buffer
            : T extends 'ipv4' | 'ipv6' | 'mac' | 'uuid'
              ? string
              : T extends `unixtime(${string}`
                ? Date
                : unknown

/** An expression of the layout language, or a number. */
export type Expression = string | number | bigint

/** Functions of the application that make something of a value that was read, and the other way round. */
export interface Mapper<Raw, Value> {
  decode(raw: Raw): Value
  encode(value: Value): Raw
}

/** A field, with everything that there is to say about it; see `docs/codec.md`. */
export interface FieldDescription {
  /** A type of the language, a layout, or the fields of a struct. */
  readonly type?: FieldSpec
  /** For a layout with parameters. */
  readonly args?: readonly Expression[]
  /** Names of integers. */
  readonly enum?: Readonly<Record<string, number | bigint>>
  /** A tag, and what is there for which. */
  readonly switch?: Expression
  readonly cases?: Readonly<Record<string | number, FieldSpec>>
  readonly default?: FieldSpec
  // biome-ignore lint/suspicious/noExplicitAny: what it maps is inferred from its functions.
  readonly map?: Mapper<any, any>
  /** It is an array: of so many items, `'until …'`, `'rest'`, or with a number's type before it. */
  readonly count?: Expression
  /** It has so many bytes, or a number's type before it. */
  readonly size?: Expression
  /** It is there where this is not 0. */
  readonly if?: Expression
  /** It lies at this offset of the record. */
  readonly at?: Expression
  /** The same, but it is only read. */
  readonly peek?: Expression
  /** What it must be: computed when written, checked when read. */
  readonly value?: Expression
  /** What it must be: a constant. */
  readonly const?: string | number | bigint
}

/** What has no name: it is checked or passed over when read, and written. */
export type NamelessField =
  | { readonly magic: string | Uint8Array; readonly if?: Expression }
  | { readonly pad: Expression; readonly if?: Expression }
  | { readonly align: number; readonly fill?: number; readonly if?: Expression }
  | (FieldDescription & { readonly type: FieldSpec; readonly name?: undefined })

// biome-ignore lint/suspicious/noExplicitAny: of whatever records.
export type FieldSpec = string | BinaryLayout<any, any> | FieldDescription | FieldList

/** Fields in order: pairs, or descriptions with names. */
export type FieldList = ReadonlyArray<
  readonly [name: string, type: FieldSpec] | (FieldDescription & { readonly name: string }) | NamelessField
>

/** Fields by name. JavaScript moves names that are integers to the front: give a list where order matters for such. */
export type FieldMap = Readonly<Record<string, FieldSpec>>

type Mapped<D, Value> = D extends { readonly map: { decode(raw: never): infer Value } } ? Value : Value
type Listed<D, Value> = D extends { readonly count: Expression } ? Value[] : Value
type Cased<C> = { [K in keyof C]: ValueOf<C[K]> }[keyof C]
type Basic<D> = D extends { readonly switch: Expression; readonly cases: infer C }
  ? Cased<C> | (D extends { readonly default: infer E } ? ValueOf<E> : never)
  : D extends { readonly enum: infer E; readonly type: infer T }
    ? (keyof E & string) | ValueOf<T>
    : D extends { readonly type: infer T }
      ? ValueOf<T>
      : unknown

/** What a field is in JavaScript. */
export type ValueOf<S> = S extends string
  ? ValueOfText<S>
  : S extends { readonly decode: (buffer: Uint8Array) => infer T }
    ? T
    : S extends ReadonlyArray<unknown>
      ? Fields<S>
      : S extends FieldDescription
        ? Mapped<S, Listed<S, Basic<S>>>
        : unknown

type NameOf<I> = I extends readonly [infer N extends string, unknown]
  ? N
  : I extends { readonly name: infer N extends string }
    ? N
    : never
type SpecOf<I> = I extends readonly [string, infer S] ? S : I
type IsOptional<S> = S extends { readonly if: Expression } ? true : false
type IsComputed<S> = S extends
  | { readonly value: Expression }
  | { readonly const: unknown }
  | { readonly peek: Expression }
  ? true
  : false
type Simplify<T> = { [K in keyof T]: T[K] }

type Items<L> = L extends ReadonlyArray<infer I> ? I : never
type Fields<L> = Simplify<
  { [I in Items<L> as IsOptional<SpecOf<I>> extends true ? never : NameOf<I>]: ValueOf<SpecOf<I>> } & {
    [I in Items<L> as IsOptional<SpecOf<I>> extends true ? NameOf<I> : never]?: ValueOf<SpecOf<I>>
  }
>
type InputFields<L> = Simplify<
  {
    [I in Items<L> as IsOptional<SpecOf<I>> extends true
      ? never
      : IsComputed<SpecOf<I>> extends true
        ? never
        : NameOf<I>]: InputOf<SpecOf<I>>
  } & {
    [I in Items<L> as IsOptional<SpecOf<I>> extends true
      ? NameOf<I>
      : IsComputed<SpecOf<I>> extends true
        ? NameOf<I>
        : never]?: InputOf<SpecOf<I>>
  }
>
type Pairs<M> = ReadonlyArray<{ [K in keyof M & string]: readonly [K, M[K]] }[keyof M & string]>

/** What a field may be when it is written: bytes of any `Uint8Array`, lists of anything like an array of numbers. */
type InputOf<S> = S extends `bytes(${string}`
  ? Uint8Array
  : S extends { encodeMany(records: Iterable<infer I>): Buffer }
    ? I
    : S extends ReadonlyArray<unknown>
      ? InputFields<S>
      : ValueOf<S> extends infer V
        ? V extends Buffer
          ? Uint8Array
          : V extends number[]
            ? ArrayLike<number>
            : V
        : never

/** The record that a layout reads, by its fields. */
export type LayoutRecord<F> = F extends ReadonlyArray<unknown> ? Fields<F> : Fields<Pairs<F>>
/** The record that it writes: what is computed may be left out. */
export type LayoutInput<F> = F extends ReadonlyArray<unknown> ? InputFields<F> : InputFields<Pairs<F>>

export interface LayoutOptions {
  /** In a text: the struct that a record is. By default the last. */
  root?: string
  /** In a list: the byte order of what says none. */
  endian?: 'be' | 'le'
  /** In a list: whether bits are counted from the most significant one of each byte, which is the default, or the least. */
  bits?: 'msb' | 'lsb'
  /** In a list: names of integers that a layout around this one gives by `args`. */
  params?: readonly string[]
  /** How deep structs that contain themselves may nest: 64 by default, 256 at most. */
  maxDepth?: number
  /** What may be read without a byte being spent on it, such as items of no size: 65,536 by default. */
  maxValues?: number
}

export interface ManyOptions {
  /** Where to begin. Default 0. */
  offset?: number
  /** How many records at most. By default all that there are. */
  count?: number
}

export interface ColumnOptions<C> extends ManyOptions {
  /**
   * What an earlier call gave for as many records: its typed arrays are filled again, and are those of the result. Where something is wrong
   * with a record they stay as they are.
   */
  into?: C
}

/** A row of the table that `describe()` gives. */
export interface FieldRow {
  field: string
  type: string
  /** From the beginning of the record, where that is always the same. */
  offset?: number
  /** The first bit of the byte at `offset`, for bits. */
  bit?: number
  size?: number
  if?: string
  at?: string
  peek?: string
  value?: string
}

/** A compiled layout. All its functions work without `this`. */
export interface BinaryLayout<T extends object, Input extends object = T> {
  /** The bytes of a record, where all have as many. */
  readonly size: number | undefined
  /**
   * The bytes of a record, in a new Buffer, or in `buffer` at `offset`: all of them or none. `encode.bytes` is how many.
   */
  readonly encode: {
    (record: Input): Buffer
    <B extends Uint8Array>(record: Input, buffer: B, offset?: number): B
    bytes: number
  }
  /** Reads the record at `offset`. `decode.bytes` is how many bytes it took. Bytes in it are views of `buffer`. */
  readonly decode: {
    (buffer: Uint8Array, offset?: number): T
    bytes: number
  }
  /** How many bytes a record takes. */
  sizeOf(record: Input): number
  /** Records one after the other. */
  encodeMany(records: Iterable<Input>): Buffer
  /** Records one after the other, to the end. */
  decodeMany(buffer: Uint8Array, options?: ManyOptions): T[]
  /**
   * The same as one array for each field: typed arrays for numbers, and for structs within objects of such. Where all records have the
   * same size, one call into Rust.
   */
  decodeColumns(buffer: Uint8Array, options?: ColumnOptions<Columns<T>>): Columns<T>
  /** Fields, types and offsets; as text (`String(layout.describe())`) a table. */
  describe(): { name: string; size?: number; minimum: number; fields: FieldRow[]; toString(): string }
  /** What is where in the bytes at `offset`, a line for each value; in the end what is wrong, if anything is. */
  dump(buffer: Uint8Array, offset?: number): string
}

/** One array for each field. */
export type Columns<T> = { [K in keyof T]: Column<T[K]> }

/** A column of values. */
export type Column<V> = [V] extends [number]
  ? Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array
  : [V] extends [bigint]
    ? BigUint64Array | BigInt64Array
    : [V] extends [string | boolean | Date | Uint8Array | readonly unknown[] | undefined]
      ? V[]
      : [V] extends [object]
        ? { [K in keyof V]: Column<V[K]> }
        : V[]

/** Compiles a layout from text: structs and enums. What it reads is known to the caller only. */
// biome-ignore lint/suspicious/noExplicitAny: nothing is known of the text's fields, so that they can be used as they are.
export function layout<T extends object = Record<string, any>, Input extends object = T>(
  text: string,
  options?: LayoutOptions,
): BinaryLayout<T, Input>
/** Compiles a layout from a list of fields. */
export function layout<const F extends FieldList | FieldMap>(
  fields: F,
  options?: LayoutOptions,
): BinaryLayout<LayoutRecord<F>, LayoutInput<F>>

// ---- messages in a stream of bytes

/** How a length is written: a number of whole bytes, in either order, or a varint (LEB128, as protobuf has it). */
export type LengthType = 'u8' | `u${16 | 24 | 32 | 40 | 48 | 56 | 64}${'be' | 'le'}` | 'varint'

/** Each message stands behind its length: `offset` bytes, the length, `gap` bytes, the message, `trailer` bytes. */
export interface LengthFraming {
  length: LengthType
  /** Bytes of a header before the length, 0 to 65,535. Default 0. */
  offset?: number
  /** Bytes of a header between the length and the message. Default 0. */
  gap?: number
  /** Bytes behind the message, such as a checksum. Default 0. */
  trailer?: number
  /** What the length counts: the message alone (the default), all that follows the length, or all of the frame, the length included. */
  counts?: 'message' | 'rest' | 'frame'
  /** Whether what comes out, and what is encoded, is the message alone. Otherwise it is all of the frame. Default `true`. */
  strip?: boolean
  /** The longest message, in bytes. Default 16 MiB, or what the length can say if that is less. */
  maxLength?: number
}

/** A delimiter stands behind each message, which must not have it inside. */
export interface DelimiterFraming {
  /** 1 to 256 bytes; text is UTF-8. */
  delimiter: string | Uint8Array
  /** Whether what comes out, and what is encoded, is without the delimiter. Default `true`. */
  strip?: boolean
  /** Whether what the stream ends with is a message although no delimiter follows it, as with the last line of many files. Default `false`. */
  unterminated?: boolean
  /** The longest message, in bytes. Default 16 MiB. */
  maxLength?: number
}

/** All messages have so many bytes. */
export interface SizeFraming {
  size: number
}

/**
 * Messages are coded so that one byte never stands in them, and ends them: COBS (Cheshire and Baker, 1999; the end is a zero), or
 * SLIP (RFC 1055; the end is 0xc0).
 */
export interface StuffingFraming {
  stuffing: 'cobs' | 'slip'
  /** The longest message, in bytes, decoded. Default 16 MiB. */
  maxLength?: number
}

export type Framing = LengthFraming | DelimiterFraming | SizeFraming | StuffingFraming

/** What a Transform takes, but for what would replace a framer's own work. */
export type FrameStreamOptions = Omit<TransformOptions, 'read' | 'write' | 'writev' | 'final' | 'transform' | 'flush'>

/** What went wrong within a chunk; the messages before that place are whole. */
export interface FrameError extends Error {
  code: 'IRONWIRE_FRAME_TOO_LARGE' | 'IRONWIRE_FRAME_INVALID' | 'IRONWIRE_FRAME_INCOMPLETE'
  /** From `push` alone. */
  messages?: Buffer[]
}

/** A stream of messages over a stream of bytes. */
export interface FrameDuplex extends Duplex {
  /** The stream below, a socket for example. */
  readonly stream: Duplex
}

/** Cuts a stream of bytes into messages, however its chunks are cut, and writes messages so that this can be done. */
export interface Framer {
  /** Bytes held of a message that is not whole yet, with what stands around it. */
  readonly held: number
  /**
   * Takes a chunk and returns the messages that end in it. Those that lie in it are views of it: whoever keeps one keeps the chunk, and
   * copies it if that is too much. Throws a `FrameError` for what is no message; nothing can be read then until `reset`.
   */
  push(chunk: Uint8Array): Buffer[]
  /**
   * Takes a chunk and calls `each` for the messages that end in it with where they are: nothing is made for a message, which is several
   * times as fast as `push`. What it is called with is good until it returns, unless it lies in the chunk itself.
   */
  each(chunk: Uint8Array, each: (bytes: Buffer, start: number, end: number) => void): void
  /** The stream has ended: throws `IRONWIRE_FRAME_INCOMPLETE` when it was cut short. Returns the last message where `unterminated` makes it one. */
  end(): Buffer | undefined
  /** Forgets what is held, and what was wrong: another stream begins. */
  reset(): void
  /** A message as it stands in a stream, in a new Buffer. What cannot be framed is an error of Node's (`ERR_OUT_OF_RANGE`, …). */
  encode(message: Uint8Array): Buffer
  /** Messages one after the other, in one new Buffer. */
  encodeMany(messages: Iterable<Uint8Array>): Buffer
  /** The messages of a stream, or of any iterable of chunks, which is another stream than that of `push`. */
  decode(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined>
  /** A Transform: bytes in, a Buffer a message out. No more are made than the reader has room for. */
  decoder(options?: FrameStreamOptions): Transform
  /** A Transform: messages in, bytes out. */
  encoder(options?: FrameStreamOptions): Transform
  /**
   * A stream of bytes, such as a socket, as one of messages, both ways. End, errors and destruction of one are those of the other.
   * A socket of ironwire's has it as `socket.frames(framing)`.
   */
  over(stream: Duplex): FrameDuplex
}

/** Messages told apart as `framing` says. */
export function framer(framing: Framing): Framer
