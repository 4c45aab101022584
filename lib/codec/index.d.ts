/**
 * Binary layouts: numbers read and written by functions, records compiled once, length-prefixed frames. `docs/codec.md`.
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
