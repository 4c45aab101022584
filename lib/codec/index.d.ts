/**
 * Binary data: single numbers, arrays of numbers, record layouts, messages in a stream of bytes, and work on whole
 * buffers. All functions take any `Uint8Array`, not only a `Buffer`, and work without `this`.
 *
 * `docs/codec.md` explains the language of layouts and shows measurements.
 */

import type { Duplex, Transform, TransformOptions } from 'node:stream'

// ---- numbers: Buffer's numeric methods as functions with the same names. Node's own methods do the work and throw Node's
// errors: ERR_OUT_OF_RANGE, ERR_BUFFER_OUT_OF_BOUNDS and ERR_INVALID_ARG_TYPE. Source: https://nodejs.org/api/buffer.html

/** Reads a signed 8-bit integer at `offset` (default 0). */
export function readInt8(buffer: Uint8Array, offset?: number): number
/** Reads an unsigned 8-bit integer at `offset` (default 0). */
export function readUInt8(buffer: Uint8Array, offset?: number): number
/** Reads an unsigned 8-bit integer at `offset` (default 0). */
export function readUint8(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian signed 16-bit integer at `offset` (default 0). */
export function readInt16LE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian signed 16-bit integer at `offset` (default 0). */
export function readInt16BE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian unsigned 16-bit integer at `offset` (default 0). */
export function readUInt16LE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian unsigned 16-bit integer at `offset` (default 0). */
export function readUint16LE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian unsigned 16-bit integer at `offset` (default 0). */
export function readUInt16BE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian unsigned 16-bit integer at `offset` (default 0). */
export function readUint16BE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian signed 32-bit integer at `offset` (default 0). */
export function readInt32LE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian signed 32-bit integer at `offset` (default 0). */
export function readInt32BE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian unsigned 32-bit integer at `offset` (default 0). */
export function readUInt32LE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian unsigned 32-bit integer at `offset` (default 0). */
export function readUint32LE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian unsigned 32-bit integer at `offset` (default 0). */
export function readUInt32BE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian unsigned 32-bit integer at `offset` (default 0). */
export function readUint32BE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian signed 64-bit integer at `offset` (default 0). */
export function readBigInt64LE(buffer: Uint8Array, offset?: number): bigint
/** Reads a big-endian signed 64-bit integer at `offset` (default 0). */
export function readBigInt64BE(buffer: Uint8Array, offset?: number): bigint
/** Reads a little-endian unsigned 64-bit integer at `offset` (default 0). */
export function readBigUInt64LE(buffer: Uint8Array, offset?: number): bigint
/** Reads a little-endian unsigned 64-bit integer at `offset` (default 0). */
export function readBigUint64LE(buffer: Uint8Array, offset?: number): bigint
/** Reads a big-endian unsigned 64-bit integer at `offset` (default 0). */
export function readBigUInt64BE(buffer: Uint8Array, offset?: number): bigint
/** Reads a big-endian unsigned 64-bit integer at `offset` (default 0). */
export function readBigUint64BE(buffer: Uint8Array, offset?: number): bigint
/** Reads a little-endian 32-bit float at `offset` (default 0). */
export function readFloatLE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian 32-bit float at `offset` (default 0). */
export function readFloatBE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian 64-bit float at `offset` (default 0). */
export function readDoubleLE(buffer: Uint8Array, offset?: number): number
/** Reads a big-endian 64-bit float at `offset` (default 0). */
export function readDoubleBE(buffer: Uint8Array, offset?: number): number
/** Reads a little-endian signed integer of `byteLength` (1-6) bytes at `offset`. */
export function readIntLE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Reads a big-endian signed integer of `byteLength` (1-6) bytes at `offset`. */
export function readIntBE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Reads a little-endian unsigned integer of `byteLength` (1-6) bytes at `offset`. */
export function readUIntLE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Reads a little-endian unsigned integer of `byteLength` (1-6) bytes at `offset`. */
export function readUintLE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Reads a big-endian unsigned integer of `byteLength` (1-6) bytes at `offset`. */
export function readUIntBE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Reads a big-endian unsigned integer of `byteLength` (1-6) bytes at `offset`. */
export function readUintBE(buffer: Uint8Array, offset: number, byteLength: number): number
/** Writes a signed 8-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeInt8(buffer: Uint8Array, value: number, offset?: number): number
/** Writes an unsigned 8-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUInt8(buffer: Uint8Array, value: number, offset?: number): number
/** Writes an unsigned 8-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUint8(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian signed 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeInt16LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian signed 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeInt16BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian unsigned 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUInt16LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian unsigned 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUint16LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian unsigned 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUInt16BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian unsigned 16-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUint16BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian signed 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeInt32LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian signed 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeInt32BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian unsigned 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUInt32LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian unsigned 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUint32LE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian unsigned 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUInt32BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian unsigned 32-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeUint32BE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian signed 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigInt64LE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a big-endian signed 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigInt64BE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a little-endian unsigned 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigUInt64LE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a little-endian unsigned 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigUint64LE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a big-endian unsigned 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigUInt64BE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a big-endian unsigned 64-bit integer at `offset` (default 0) and returns the offset behind it. */
export function writeBigUint64BE(buffer: Uint8Array, value: bigint, offset?: number): number
/** Writes a little-endian 32-bit float at `offset` (default 0) and returns the offset behind it. */
export function writeFloatLE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian 32-bit float at `offset` (default 0) and returns the offset behind it. */
export function writeFloatBE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian 64-bit float at `offset` (default 0) and returns the offset behind it. */
export function writeDoubleLE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a big-endian 64-bit float at `offset` (default 0) and returns the offset behind it. */
export function writeDoubleBE(buffer: Uint8Array, value: number, offset?: number): number
/** Writes a little-endian signed integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeIntLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
/** Writes a big-endian signed integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeIntBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
/** Writes a little-endian unsigned integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeUIntLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
/** Writes a little-endian unsigned integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeUintLE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
/** Writes a big-endian unsigned integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeUIntBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number
/** Writes a big-endian unsigned integer of `byteLength` (1-6) bytes at `offset` and returns the offset behind it. */
export function writeUintBE(buffer: Uint8Array, value: number, offset: number, byteLength: number): number

// ---- arrays of numbers

/**
 * The number types of {@link readArray} and {@link writeArray}, and the typed array that each is read into.
 *
 * A name says the kind (`i` signed, `u` unsigned, `f` float), the number of bits and the byte order (`le` or `be`).
 * The varints have no fixed size.
 */
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
  /** Unsigned LEB128 varints as numbers. A value above 2^53 - 1 is an error. */
  uleb128: Float64Array
  /** Signed LEB128 varints (two's complement) as numbers, within ±(2^53 - 1). */
  sleb128: Float64Array
  /** Zigzag varints, as `sint64` of protobuf has them, as numbers, within ±(2^53 - 1). */
  zigzag: Float64Array
  /** Unsigned LEB128 varints of up to 64 bits, as BigInts. */
  uleb128n: BigUint64Array
  /** Signed LEB128 varints of up to 64 bits, as BigInts. */
  sleb128n: BigInt64Array
  /** Zigzag varints of up to 64 bits, as BigInts. */
  zigzagn: BigInt64Array
}

/** Options of {@link writeArray}. */
export interface WriteArrayOptions {
  /**
   * The distance in bytes from the beginning of one number to the beginning of the next, at least the size of a
   * number. Use it for interleaved data, such as one of two channels. Not allowed for varints. Default: the size of a
   * number.
   */
  stride?: number
}

/** Options of {@link readArray}. */
export interface ReadArrayOptions<A> extends WriteArrayOptions {
  /**
   * An array to fill instead of a new one, of the class that {@link ArrayTypes} names. The result is this array, or a
   * view of its beginning if fewer numbers were read. Reuse one where you read the same again and again: allocating
   * megabytes costs more than reading them.
   */
  into?: A
}

/** The type of {@link readArray}. */
export interface ReadArray {
  /**
   * Reads `count` numbers, beginning at the byte `offset` (default 0), into a typed array. Without `count` it reads
   * as many whole numbers as the buffer holds, or as `into` has room for.
   *
   * @throws `ERR_OUT_OF_RANGE` if the buffer does not hold `count` numbers, or a varint is too large to be an exact
   * number; `IRONWIRE_VARINT_TRUNCATED` if a varint goes beyond the end of the buffer; `IRONWIRE_VARINT_TOO_LONG` if
   * one has more than 64 bits.
   *
   * @example
   * ```js
   * const samples = codec.readArray('i16be', buffer, 44, 1000) // Int16Array of 1,000
   * const left = codec.readArray('i16be', buffer, 44, 500, { stride: 4 }) // one of two channels
   * ```
   */
  <T extends keyof ArrayTypes>(
    type: T,
    buffer: Uint8Array,
    offset?: number,
    count?: number,
    options?: ReadArrayOptions<ArrayTypes[T]>,
  ): ArrayTypes[T]
  /** How many bytes the last call read, including the gaps that `stride` left between numbers. */
  bytes: number
}

/**
 * Reads many numbers of one type with one call into Rust. For one number, or a few, `readInt16BE` and its kind are
 * faster.
 */
export const readArray: ReadArray

/**
 * Writes all of `values`, beginning at the byte `offset` (default 0). Returns the offset behind the last number.
 * Bytes between numbers (`stride`) stay as they are.
 *
 * Either all values are written or none. A typed array of the class that {@link ArrayTypes} names is written with one
 * call into Rust. For other arrays each number is checked first.
 *
 * @throws `ERR_OUT_OF_RANGE` or `ERR_INVALID_ARG_TYPE`, naming `values[i]`, if a value does not fit the type;
 * `ERR_OUT_OF_RANGE` or `ERR_BUFFER_OUT_OF_BOUNDS` if the buffer has no room.
 *
 * @example
 * ```js
 * const end = codec.writeArray('u32le', buffer, [1, 2, 3], 8) // 20
 * ```
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

/** A text form of bytes, such as hex. */
export interface TextForm {
  /** Turns bytes into text. */
  encode(bytes: Uint8Array): string
  /**
   * Turns text into bytes. Characters that do not belong there are treated as by `Buffer.from(text, encoding)`: hex
   * stops at them, base64 skips them.
   */
  decode(text: string): Buffer
}

/** A character encoding. */
export interface Charset {
  /** Turns text into bytes, as `Buffer.from(text, encoding)` does. */
  encode(text: string): Buffer
  /** Turns bytes into text, as `buffer.toString(encoding)` does. */
  decode(bytes: Uint8Array): string
}

/** Bytes as hex digits. Rust does the work from 256 bytes on. */
export const hex: TextForm
/** Bytes as base64 (RFC 4648, section 4), by Node's own methods. `decode` also accepts base64url. */
export const base64: TextForm
/** Bytes as base64url without padding (RFC 4648, section 5), by Node's own methods. */
export const base64url: TextForm
/** Text as UTF-8, by Node's own methods. Invalid bytes are decoded as U+FFFD. */
export const utf8: Charset & {
  /** Whether the bytes are well-formed UTF-8. `isUtf8` of `node:buffer`. */
  validate(bytes: Uint8Array | ArrayBuffer): boolean
}
/** Text as Latin-1: one byte for each character, the low eight bits of its code. */
export const latin1: Charset
/** Text as UTF-16, little-endian. */
export const utf16: Charset

/** Converts bytes from one character encoding to another: `transcode` of `node:buffer` itself. */
export const transcode: typeof import('node:buffer').transcode

/** The index of the first occurrence of `value` in `bytes`, or -1. As `buffer.indexOf`; Rust searches large buffers. */
export function indexOf(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): number
/** The index of the last occurrence of `value` in `bytes`, or -1. As `buffer.lastIndexOf`. */
export function lastIndexOf(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): number
/** Whether `bytes` contains `value`. As `buffer.includes`. */
export function includes(
  bytes: Uint8Array,
  value: string | number | Uint8Array,
  byteOffset?: number,
  encoding?: BufferEncoding,
): boolean

/** Compares byte by byte, for sorting: -1, 0 or 1. `Buffer.compare` itself. */
export function compare(a: Uint8Array, b: Uint8Array): -1 | 0 | 1
/** Whether both hold the same bytes. As `buffer.equals`. */
export function equals(a: Uint8Array, b: Uint8Array): boolean
/** Joins buffers into a new one, cut or padded with zeros to `totalLength` if that is given. `Buffer.concat` itself. */
export function concat(list: readonly Uint8Array[], totalLength?: number): Buffer
/** Fills `bytes` from `offset` to `end` with `value`, repeated, and returns `bytes`. As `buffer.fill`. */
export function fill<B extends Uint8Array>(
  bytes: B,
  value: string | number | Uint8Array,
  offset?: number,
  end?: number,
  encoding?: BufferEncoding,
): B
/** Fills all of `bytes` with a text in an encoding. */
export function fill<B extends Uint8Array>(bytes: B, value: string, encoding: BufferEncoding): B

/**
 * Reverses the order of the two bytes of each 16-bit unit, in place, and returns `bytes`.
 *
 * @throws `ERR_INVALID_BUFFER_SIZE` if the length is not a multiple of 2.
 */
export function swap16<B extends Uint8Array>(bytes: B): B
/**
 * Reverses the order of the four bytes of each 32-bit unit, in place, and returns `bytes`.
 *
 * @throws `ERR_INVALID_BUFFER_SIZE` if the length is not a multiple of 4.
 */
export function swap32<B extends Uint8Array>(bytes: B): B
/**
 * Reverses the order of the eight bytes of each 64-bit unit, in place, and returns `bytes`.
 *
 * @throws `ERR_INVALID_BUFFER_SIZE` if the length is not a multiple of 8.
 */
export function swap64<B extends Uint8Array>(bytes: B): B

// ---- records

/**
 * The type of a number in a {@link record}: kind (`i` signed, `u` unsigned, `f` float), bits, byte order. 64-bit
 * integers are BigInts in JavaScript.
 */
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

/** The types of {@link FieldType} that are BigInts in JavaScript. */
export type BigFieldType = 'i64le' | 'i64be' | 'u64le' | 'u64be'

/** The object that a {@link record} reads and writes: one property for each field. */
export type RecordOf<L> = { [K in keyof L]: L[K] extends BigFieldType ? bigint : number }

/** A compiled {@link record}. */
export interface Layout<T> {
  /** The size of one record in bytes. */
  readonly size: number
  /**
   * Reads the record at `offset` (default 0).
   *
   * @throws `ERR_OUT_OF_RANGE` or `ERR_BUFFER_OUT_OF_BOUNDS` if the record is not inside the buffer.
   */
  read(buffer: Uint8Array, offset?: number): T
  /**
   * Writes a record at `offset` (default 0) and returns the offset behind it. If a field is missing or out of the
   * range of its type, an error names it (`record.price`) and no byte changes.
   */
  write(buffer: Uint8Array, record: T, offset?: number): number
}

/**
 * Compiles a record of numbers that lie one after the other, without gaps. For anything else, use {@link layout}.
 *
 * JavaScript moves property names that are integers to the front of an object. For such names, give a list of pairs.
 *
 * @example
 * ```js
 * const course = codec.record({ id: 'i32be', price: 'f64be' })
 * const end = course.write(buffer, { id: 1000, price: 19.5 }) // 12
 * course.read(buffer) // { id: 1000, price: 19.5 }
 * ```
 */
export function record<const L extends Record<string, FieldType>>(fields: L): Layout<RecordOf<L>>
/** The same with the fields as a list of pairs, in the order of the list. */
export function record(
  fields: ReadonlyArray<readonly [name: string, type: FieldType]>,
): Layout<Record<string, number | bigint>>

// ---- layouts

/** What a type of the layout language is in JavaScript, as far as its name tells. */
type ValueOfText<T extends string> = T extends `${string}]` ? ListOfText<T> : ScalarOfText<T>

type ListOfText<T extends string> = T extends `${infer Item}[${string}` ? ScalarOfText<Item>[] : unknown[]

type Digits = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9
/** The widths in bits of integers that are numbers in JavaScript: up to 53. */
type Narrow = `${Digits}` | `${1 | 2 | 3 | 4}${0 | Digits}` | '50' | '51' | '52' | '53'
/** The widths in bits of integers that are BigInts in JavaScript. */
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

/** An expression of the layout language, such as `'length * 4 - 20'`, or a number. */
export type Expression = string | number | bigint

/**
 * Two functions of yours that convert a value: `decode` after it was read, `encode` before it is written. They should
 * give the same result each time, because values can be read more than once.
 */
export interface Mapper<Raw, Value> {
  decode(raw: Raw): Value
  encode(value: Value): Raw
}

/** Everything that can be said about a field. `docs/codec.md` describes the language. */
export interface FieldDescription {
  /** A type of the language, another layout, `'self'`, or the fields of a struct. */
  readonly type?: FieldSpec
  /** The arguments of a layout that has `params`. */
  readonly args?: readonly Expression[]
  /** The names of an integer's values. A value without a name stays a number. */
  readonly enum?: Readonly<Record<string, number | bigint>>
  /** An expression that decides which of `cases` the field is. */
  readonly switch?: Expression
  /** The types by value of `switch`: a number, a name, a range (`'5..7'`) or several (`'1, 3'`). */
  readonly cases?: Readonly<Record<string | number, FieldSpec>> | ReadonlyMap<string | number, FieldSpec>
  /** The type for values that `cases` does not list. Without it such a value is an error. */
  readonly default?: FieldSpec
  /** Converts the value. Expressions see the value before it is converted. */
  // biome-ignore lint/suspicious/noExplicitAny: what it maps is inferred from its functions.
  readonly map?: Mapper<any, any>
  /**
   * Makes the field an array: a number of items, `'until …'`, `'rest'`, or the type of a number that stands before
   * the items.
   */
  readonly count?: Expression
  /** The size of the field in bytes, or the type of a number before it that says so. */
  readonly size?: Expression
  /** The field is there only if this expression is not 0. */
  readonly if?: Expression
  /** The offset of the field from the beginning of the record. Default: directly behind the field before it. */
  readonly at?: Expression
  /** The same as `at`, but the field is only read, never written. */
  readonly peek?: Expression
  /** An expression that the field must equal. It is computed when a record is written and checked when one is read. */
  readonly value?: Expression
  /** A constant that the field must equal. */
  readonly const?: string | number | bigint
}

/**
 * A field that is in no object. It is written by itself, and checked or skipped when a record is read: fixed bytes
 * (`magic`), a number of bytes (`pad`), bytes up to a multiple of `align` from the beginning of the record, or any
 * field without a name.
 */
export type NamelessField =
  | { readonly magic: string | Uint8Array; readonly if?: Expression }
  | { readonly pad: Expression; readonly if?: Expression }
  | { readonly align: number; readonly fill?: number; readonly if?: Expression }
  | (FieldDescription & { readonly type: FieldSpec; readonly name?: undefined })

/** The type of a field: a type of the language as text, another layout, a description, or the fields of a struct. */
// biome-ignore lint/suspicious/noExplicitAny: of whatever records.
export type FieldSpec = string | BinaryLayout<any, any> | FieldDescription | FieldList

/** Fields in their order: pairs of name and type, or descriptions with a name. */
export type FieldList = ReadonlyArray<
  readonly [name: string, type: FieldSpec] | (FieldDescription & { readonly name: string }) | NamelessField
>

/** Fields by name. JavaScript moves names that are integers to the front: use a {@link FieldList} for such names. */
export type FieldMap = Readonly<Record<string, FieldSpec>>

type Mapped<D, Value> = D extends { readonly map: { decode(raw: never): infer Value } } ? Value : Value
type Listed<D, Value> = D extends { readonly count: Expression } ? Value[] : Value
type Cased<C> = C extends ReadonlyMap<unknown, infer V> ? ValueOf<V> : { [K in keyof C]: ValueOf<C[K]> }[keyof C]
type Basic<D> = D extends { readonly switch: Expression; readonly cases: infer C }
  ? Cased<C> | (D extends { readonly default: infer E } ? ValueOf<E> : never)
  : D extends { readonly enum: infer E; readonly type: infer T }
    ? (keyof E & string) | ValueOf<T>
    : D extends { readonly type: infer T }
      ? ValueOf<T>
      : unknown

/** The JavaScript type that a field has when it is read. */
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

/**
 * The JavaScript type that a field may have when it is written: any `Uint8Array` for bytes, anything like an array
 * for lists of numbers.
 */
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
/** The record that a layout writes. Computed fields may be left out. */
export type LayoutInput<F> = F extends ReadonlyArray<unknown> ? InputFields<F> : InputFields<Pairs<F>>

/** Options of {@link layout}. */
export interface LayoutOptions {
  /** For a layout from text: the struct that a record is. Default: the last one. */
  root?: string
  /**
   * For a layout from a list: the byte order of types that do not say one. Without it, such a type of more than one
   * byte is an error.
   */
  endian?: 'be' | 'le'
  /**
   * For a layout from a list: whether bits are counted from the most or the least significant bit of each byte.
   * Default: `'msb'`.
   */
  bits?: 'msb' | 'lsb'
  /** For a layout from a list: names of integers that an enclosing layout gives by `args`. */
  params?: readonly string[]
  /** How deep structs that contain themselves may nest, 1 to 256. The limit protects the stack. Default: 64. */
  maxDepth?: number
  /** How many values that take no bytes of their own, such as items of size 0, one record may have. Default: 65,536. */
  maxValues?: number
}

/** Options of `decodeMany`. */
export interface ManyOptions {
  /** The byte at which to begin. Default: 0. */
  offset?: number
  /** The largest number of records to read. Default: all of them. */
  count?: number
}

/** Options of `decodeColumns`. */
export interface ColumnOptions<C> extends ManyOptions {
  /**
   * The result of an earlier call with as many records. Its typed arrays are filled again and are those of the new
   * result. If a record is wrong, they stay as they are.
   */
  into?: C
}

/** A row of the table that `describe()` returns. */
export interface FieldRow {
  /** The path of the field, such as `header.length`. */
  field: string
  /** The type, as in the layout. */
  type: string
  /** The offset from the beginning of the record, if that is always the same. */
  offset?: number
  /** For bits: the first bit, counted within the byte at `offset`. */
  bit?: number
  /** The size in bytes, if that is always the same. */
  size?: number
  /** The condition of the field, if it has one. */
  if?: string
  /** The expression of its offset, if it has one. */
  at?: string
  /** The expression of the offset at which it is only read, if it has one. */
  peek?: string
  /** The expression that it must equal, if it has one. */
  value?: string
}

/**
 * A compiled layout. All its functions work without `this`.
 *
 * Errors have `path`, the field (`headers[1].length`), and when reading `offset`. Their codes are
 * `IRONWIRE_LAYOUT_TRUNCATED`, `IRONWIRE_LAYOUT_INVALID`, `IRONWIRE_LAYOUT_CHECKSUM`, `IRONWIRE_LAYOUT_LIMIT`, and
 * for values to write those of Node (`ERR_OUT_OF_RANGE`, …).
 */
export interface BinaryLayout<T extends object, Input extends object = T> {
  /** The size of a record in bytes if all have the same, otherwise `undefined`. */
  readonly size: number | undefined
  /**
   * Writes a record into a new Buffer, or into `buffer` at `offset` (default 0), and returns the Buffer. Either the
   * whole record is written or nothing. `encode.bytes` is the size of the record that was written last.
   */
  readonly encode: {
    (record: Input): Buffer
    <B extends Uint8Array>(record: Input, buffer: B, offset?: number): B
    bytes: number
  }
  /**
   * Reads the record at `offset` (default 0). `decode.bytes` is the size of the record that was read last. Fields of
   * type `bytes` are views of `buffer`, not copies.
   */
  readonly decode: {
    (buffer: Uint8Array, offset?: number): T
    bytes: number
  }
  /** The size in bytes that `record` has when it is encoded. */
  sizeOf(record: Input): number
  /** Encodes records one after the other into a new Buffer. */
  encodeMany(records: Iterable<Input>): Buffer
  /** Decodes records one after the other, up to the end of the buffer. */
  decodeMany(buffer: Uint8Array, options?: ManyOptions): T[]
  /**
   * Decodes records into one array for each field: typed arrays for numbers, arrays for the rest, and objects of such
   * for structs. If all records have the same size, this is one call into Rust.
   */
  decodeColumns(buffer: Uint8Array, options?: ColumnOptions<Columns<T>>): Columns<T>
  /** The fields with their types and offsets. `String(layout.describe())` is a table as text. */
  describe(): { name: string; size?: number; minimum: number; fields: FieldRow[]; toString(): string }
  /**
   * Explains the bytes at `offset` (default 0) as text: one line for each value, with its offset, bytes, field and
   * type. The last line says what is wrong, if anything is.
   */
  dump(buffer: Uint8Array, offset?: number): string
}

/** The result of `decodeColumns`: one array for each field. */
export type Columns<T> = { [K in keyof T]: Column<T[K]> }

/** The array of one field. */
export type Column<V> = [V] extends [number]
  ? Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array
  : [V] extends [bigint]
    ? BigUint64Array | BigInt64Array
    : [V] extends [string | boolean | Date | Uint8Array | readonly unknown[] | undefined]
      ? V[]
      : [V] extends [object]
        ? { [K in keyof V]: Column<V[K]> }
        : V[]

/**
 * Compiles a layout from text: structs and enums in a C-like language. TypeScript does not know its fields; name the
 * type of a record as `T`.
 *
 * @throws `IRONWIRE_LAYOUT_SYNTAX`, with line and column, if the text is not a layout.
 *
 * @example
 * ```js
 * const point = codec.layout('struct Point { i16be x; i16be y; u8 length; utf8(length) name; }')
 * point.decode(bytes) // { x: 1, y: 2, length: 5, name: 'hello' }
 * ```
 */
// biome-ignore lint/suspicious/noExplicitAny: nothing is known of the text's fields, so that they can be used as they are.
export function layout<T extends object = Record<string, any>, Input extends object = T>(
  text: string,
  options?: LayoutOptions,
): BinaryLayout<T, Input>
/**
 * Compiles a layout from a list of fields. TypeScript knows the type of a record from it.
 *
 * @example
 * ```js
 * const point = codec.layout([
 *   ['x', 'i16be'],
 *   { name: 'length', type: 'u8', value: 'sizeof(name)' },
 *   ['name', 'utf8(length)'],
 * ])
 * point.encode({ x: 1, name: 'hello' })
 * ```
 */
export function layout<const F extends FieldList | FieldMap>(
  fields: F,
  options?: LayoutOptions,
): BinaryLayout<LayoutRecord<F>, LayoutInput<F>>

// ---- messages in a stream of bytes

/**
 * How a length is written: an unsigned integer of whole bytes, little or big endian, or a varint (LEB128, as in
 * protobuf).
 */
export type LengthType = 'u8' | `u${16 | 24 | 32 | 40 | 48 | 56 | 64}${'be' | 'le'}` | 'varint'

/**
 * Each message stands behind its length. A frame is: `offset` bytes, the length, `gap` bytes, the message, `trailer`
 * bytes.
 */
export interface LengthFraming {
  /** How the length is written. */
  length: LengthType
  /** Bytes of a header before the length, 0 to 65,535. Default: 0. */
  offset?: number
  /** Bytes of a header between the length and the message, 0 to 65,535. Default: 0. */
  gap?: number
  /** Bytes behind the message, such as a checksum, 0 to 65,535. Default: 0. */
  trailer?: number
  /**
   * What the length counts: the message alone, everything behind the length, or the whole frame. Default:
   * `'message'`.
   */
  counts?: 'message' | 'rest' | 'frame'
  /**
   * Whether you get, and give, the message alone. With `false` it is the whole frame; `encode` then fills in the
   * length. Default: `true`.
   */
  strip?: boolean
  /**
   * The longest message in bytes, because each message is held whole in memory. It is checked as soon as the length
   * has arrived. Default: 16 MiB, or less if the length cannot say so much.
   */
  maxLength?: number
}

/** Each message is followed by a delimiter, which must not occur inside the message. */
export interface DelimiterFraming {
  /** 1 to 256 bytes. Text is taken as UTF-8. */
  delimiter: string | Uint8Array
  /** Whether you get, and give, the message without the delimiter. Default: `true`. */
  strip?: boolean
  /**
   * Whether bytes behind the last delimiter are a message when the stream ends, as the last line of many files. With
   * `false` they are the error `IRONWIRE_FRAME_INCOMPLETE`. Default: `false`.
   */
  unterminated?: boolean
  /** The longest message in bytes, because each message is held whole in memory. Default: 16 MiB. */
  maxLength?: number
}

/** All messages have the same size. */
export interface SizeFraming {
  /** The size of a message in bytes, 1 or more. */
  size: number
}

/**
 * Messages are encoded so that one byte never occurs in them, and this byte ends each message. COBS (Cheshire and
 * Baker, 1999) ends with 0x00, SLIP (RFC 1055) with 0xc0. Serial lines use them.
 */
export interface StuffingFraming {
  /** Which encoding to use. SLIP cannot carry an empty message. */
  stuffing: 'cobs' | 'slip'
  /** The longest decoded message in bytes. Default: 16 MiB. */
  maxLength?: number
}

/** How messages are separated. Exactly one of `length`, `delimiter`, `size` and `stuffing` is given. */
export type Framing = LengthFraming | DelimiterFraming | SizeFraming | StuffingFraming

/**
 * Options of the Transforms: those of `stream.Transform`, except the methods that would replace the framer's own
 * work.
 */
export type FrameStreamOptions = Omit<TransformOptions, 'read' | 'write' | 'writev' | 'final' | 'transform' | 'flush'>

/**
 * The error of a stream that is not framed as it should be. A framer that has thrown it accepts nothing more until
 * `reset()`, because it cannot know where the next message begins.
 */
export interface FrameError extends Error {
  /**
   * `IRONWIRE_FRAME_TOO_LARGE`: a message is longer than `maxLength`. `IRONWIRE_FRAME_INVALID`: the bytes are not a
   * frame. `IRONWIRE_FRAME_INCOMPLETE`: the stream ended within a message.
   */
  code: 'IRONWIRE_FRAME_TOO_LARGE' | 'IRONWIRE_FRAME_INVALID' | 'IRONWIRE_FRAME_INCOMPLETE'
  /** From `push` only: the messages of the chunk before the wrong place. They are whole. */
  messages?: Buffer[]
}

/** A stream of messages, in object mode, over a stream of bytes. See {@link Framer.over}. */
export interface FrameDuplex extends Duplex {
  /** The stream of bytes below, for example a socket. */
  readonly stream: Duplex
}

/**
 * Finds the messages in a stream of bytes, however its chunks are cut, and frames messages to be sent. One framer
 * reads one stream.
 */
export interface Framer {
  /** Bytes that are held because their message is not complete yet. */
  readonly held: number
  /**
   * Takes the next chunk and returns the messages that end in it. Messages that lie within the chunk are views of it,
   * so keeping one keeps the whole chunk in memory: copy what you keep for long.
   *
   * @throws {@link FrameError}
   */
  push(chunk: Uint8Array): Buffer[]
  /**
   * Takes the next chunk and calls `each` for every message that ends in it, with the bytes that hold the message and
   * where it begins and ends. Nothing is allocated per message, so this is several times as fast as `push`. Unless
   * `bytes` is the chunk itself, it is valid only until the callback returns.
   *
   * @throws {@link FrameError}
   *
   * @example
   * ```js
   * framer.each(chunk, (bytes, start) => handle(layout.decode(bytes, start)))
   * ```
   */
  each(chunk: Uint8Array, each: (bytes: Buffer, start: number, end: number) => void): void
  /**
   * Tells the framer that the stream has ended. Returns the last message if `unterminated` makes it one.
   *
   * @throws `IRONWIRE_FRAME_INCOMPLETE` if the stream ended within a message.
   */
  end(): Buffer | undefined
  /** Forgets the bytes that are held and any error, so that the framer can read another stream. */
  reset(): void
  /**
   * Frames a message, in a new Buffer.
   *
   * @throws `ERR_OUT_OF_RANGE` if it is too long, `ERR_INVALID_ARG_VALUE` if it contains the delimiter or cannot be
   * framed otherwise.
   */
  encode(message: Uint8Array): Buffer
  /** Frames messages one after the other, in one new Buffer. */
  encodeMany(messages: Iterable<Uint8Array>): Buffer
  /** The messages of a stream or of any other iterable of chunks. Independent of `push`. */
  decode(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined>
  /** A Transform from bytes to messages, one Buffer each. It makes no more messages than the reader has room for. */
  decoder(options?: FrameStreamOptions): Transform
  /** A Transform from messages to framed bytes. */
  encoder(options?: FrameStreamOptions): Transform
  /**
   * Reads and writes a stream of bytes, such as a socket, as a stream of messages. End, errors and destruction pass
   * through in both directions. A socket of ironwire has this as `socket.frames(framing)`.
   *
   * @throws `ERR_INVALID_ARG_VALUE` if the stream is framed already, or has an encoding.
   */
  over(stream: Duplex): FrameDuplex
}

/**
 * Makes a {@link Framer}.
 *
 * @throws `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for wrong options, `IRONWIRE_UNKNOWN_OPTION` for unknown
 * ones, `IRONWIRE_FRAMERS` if the process has a million framers already.
 *
 * @example
 * ```js
 * const framer = codec.framer({ length: 'u32be', maxLength: 64 * 1024 })
 * const bytes = framer.encode(Buffer.from('hello')) // 00 00 00 05 'hello'
 * framer.push(bytes) // [ <Buffer 68 65 6c 6c 6f> ]
 * ```
 */
export function framer(framing: Framing): Framer
