/**
 * Binary data: numbers, one or many, records compiled once, length-prefixed frames, work on whole buffers. `docs/codec.md`.
 */

import type { Transform, TransformOptions } from 'node:stream'

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

// ---- length-prefixed frames

/** How a frame's length is written before it. */
export type Prefix = 'u8' | 'u16le' | 'u16be' | 'u24le' | 'u24be' | 'u32le' | 'u32be'

export interface FrameOptions {
  /** Default `'u32be'`. */
  prefix?: Prefix
}

export interface FrameDecoderOptions extends FrameOptions {
  /** The longest frame to accept, in bytes. Default 16 MiB, or what the prefix can say if that is less. */
  maxLength?: number
}

export const frame: {
  /** The bytes with their length before them, in a new Buffer. */
  encode(body: Uint8Array, options?: FrameOptions): Buffer
}

/** Cuts a stream into frames, however its chunks are cut. */
export class FrameDecoder {
  constructor(options?: FrameDecoderOptions)
  /** Bytes held of a frame that is not whole yet, its prefix included. */
  readonly buffered: number
  /**
   * Takes a chunk and returns the frames that it completes: views of the chunk where they lie in it whole, but for small frames of
   * large chunks, which are copied lest whoever keeps one keeps the chunk. A length above
   * `maxLength` throws `IRONWIRE_FRAME_TOO_LARGE`, with the frames before it as `error.frames`; the decoder is of no use then.
   */
  push(chunk: Uint8Array): Buffer[]
  /** The stream has ended: throws `IRONWIRE_FRAME_INCOMPLETE` when a frame is missing its end. */
  end(): void
}

/** What a Transform takes, but for what would replace a FrameStream's own work. */
export type FrameStreamOptions = FrameDecoderOptions &
  Omit<TransformOptions, 'read' | 'write' | 'writev' | 'final' | 'transform' | 'flush'>

/** The same as a stream: bytes in, one Buffer per frame out. */
export class FrameStream extends Transform {
  constructor(options?: FrameStreamOptions)
}
