/**
 * Protocol Buffers: `protobuf(source)` compiles a `.proto` schema and gives its messages and enums, call for call as npm
 * `protocol-buffers` does. `docs/protobuf.md` lists what goes beyond it and what differs, `docs/protobuf-formats.md` JSON and text.
 */

import type { Transform, TransformOptions } from 'node:stream'

// biome-ignore lint/suspicious/noExplicitAny: what a schema declares is not known here; `ironwire pbts` writes it out.
type Dynamic = any

/** Options of {@link protobuf}. */
export interface Options {
  /** Name of the root file: it and its imports are asked from `resolveImport`, and the first argument is not looked at. */
  filename?: string
  /** Gives an imported file, synchronously: its text, or a schema object. Google's own files are built in. */
  resolveImport?: (filename: string) => string | Uint8Array | SchemaObject | null | undefined
  /** Take what `protoc` takes and nothing else. Default `false`: also what npm `protocol-buffers` takes. */
  strict?: boolean
  /**
   * How 64-bit integers are decoded: a number while that is exact and a BigInt beyond (`'auto'`, the default), always a BigInt, or
   * always a decimal string. Encoding takes all of these, and objects like those of npm `long`.
   */
  int64?: 'auto' | 'bigint' | 'string'
  /** Decoded objects have every field, absent ones by their default. Default `true`; `false` leaves absent fields out. */
  defaults?: boolean
  /** Keep fields that the schema does not know on decoded objects, and write them back. Default `false`. */
  unknownFields?: boolean
  /** NaN is a value of `float` and `double` fields. Default `false`: it counts as absent. */
  nan?: boolean
  /** How deep messages may nest, in both directions. Default 100, as in other implementations; JSON and text format stop at 1,000. */
  depth?: number
  /** Bytes of input that JSON and text format take. Default 2 GiB - 1, the bound of the binary format. */
  maxSize?: number
  /** Values that the index of one message (and those around it) may hold while JSON or text is written. Default 16,777,216. */
  maxValues?: number
  /** Limits on the schema. Each one that is passed is an error that names it. */
  limits?: SchemaLimits
}

/** Limits on schemas that come from elsewhere; `docs/protobuf-language.md` has the reasons for the defaults. */
export interface SchemaLimits {
  /** Bytes of all sources together, or of a descriptor set. Default 64 MiB. */
  sourceBytes?: number
  /** Depth of nested messages, groups and `{…}` option values. Default 64, at most 256. */
  nesting?: number
  /** Depth of imports of imports. Default 128, at most 512. */
  importDepth?: number
  /** Files of one schema. Default 10,000. */
  files?: number
  /** Different options on one element. Default 1,000. */
  options?: number
  /** Bytes of a full name, `package.Outer.Inner`. Default 512. */
  fullName?: number
  /** Declared names of one schema. Default 1,000,000. */
  symbols?: number
}

/** A schema as npm `protocol-buffers-schema` parses it. */
export interface SchemaObject {
  package?: string | null
  imports?: string[]
  enums?: object[]
  messages?: object[]
  services?: object[]
  [key: string]: unknown
}

/** Encodes and decodes values of one type. */
export interface Encoding<T = Dynamic> {
  /** Wire type: 0 varint, 1 eight bytes, 2 length-prefixed, 5 four bytes. */
  type: number
  /** Encodes a value, into `buffer` at `offset` where given. `encode.bytes` is how many bytes it took. */
  encode: { (value: T, buffer?: Uint8Array, offset?: number): Buffer; bytes: number }
  /** Decodes what lies between `offset` and `end`. `decode.bytes` is how many bytes it took. */
  decode: { (buffer: Uint8Array, offset?: number, end?: number): T; bytes: number }
  /** How many bytes `encode` would take. */
  encodingLength(value: T): number
}

/** A message type. Nested messages and enums are properties of it. */
export interface Message<T = Dynamic> extends Encoding<T> {
  message: true
  name: string
  buffer: true
  /** Encodings of the types of its fields, each once. */
  dependencies: Encoding[]
  [nested: string]: Dynamic
}

/** Messages by name, and enums as objects of numbers by name. */
export interface Messages {
  [name: string]: Dynamic
}

/** Options of all formats. */
export interface FormatOptions {
  /** A missing required field is no error. */
  partial?: boolean
}

/** How JSON is written. */
export interface ToJsonOptions extends FormatOptions {
  /** Write fields without presence, repeated fields and maps that are unset, too. */
  defaults?: boolean
  /** Keys are the names as declared, `foo_bar` instead of `fooBar`. */
  protoNames?: boolean
  /** Enums are numbers. */
  enumNumbers?: boolean
}

/** How JSON and text format are read. */
export interface ParseOptions extends FormatOptions {
  /** Pass over fields, and in JSON names of enum values, that the schema does not know. */
  ignoreUnknown?: boolean
}

/** How text format is written. */
export interface ToTextOptions extends FormatOptions {
  /** Write unknown fields by their numbers. Such text can be read by people, but not be parsed again. */
  unknown?: boolean
  /** All on one line. */
  singleLine?: boolean
}

/** How streams of delimited messages are read. */
export interface DelimitedOptions {
  /** The longest message to accept, in bytes: it is held whole in memory. At most 2 GiB - 1. Default 16 MiB, as for frames of `rpc`. */
  maxSize?: number
}

/** A service. */
export interface Service {
  name: string
  fullName: string
  methods: ServiceMethod[]
}

/** A method of a service. */
export interface ServiceMethod {
  name: string
  /** `/package.Service/Method`. */
  path: string
  request: Message
  reply: Message
  clientStreaming: boolean
  serverStreaming: boolean
}

/** What every element of a schema may have. Options are by name, custom ones by full name in parentheses. */
export interface Described {
  options?: { [name: string]: unknown }
  /** The comment before it. */
  comment?: string
  /** The comment after it. */
  trailingComment?: string
}

/** A field or an extension. Types are keywords, or `message`, `group` and `enum` with a full name in `typeName`. */
export interface FieldReflection extends Described {
  name: string
  /** Its key on objects. */
  property: string
  jsonName: string
  number: number
  label: 'optional' | 'required' | 'repeated' | 'map'
  /** Of the values, for a map. */
  type: string
  typeName?: string
  keyType?: string
  /** Set and not set differ. */
  presence?: true
  packed?: true
  deprecated?: true
  oneof?: string
  /** 64-bit integers are decimal strings, bytes base64, enums names. */
  default?: string | number | boolean
  /** Of an extension. */
  fullName?: string
  /** The message that an extension extends. */
  extendee?: string
}

/** A schema, by plain objects that refer to each other by full name. */
export interface Reflection {
  files: Array<
    Described & { name: string; package: string; edition: 'proto2' | 'proto3' | '2023' | '2024'; imports: string[] }
  >
  messages: Array<
    Described & {
      name: string
      fullName: string
      file: string
      parent?: string
      /** The entry type of a map field. */
      mapEntry?: true
      fields: FieldReflection[]
      oneofs: Array<Described & { name: string; fields: string[] }>
      /** First and last number. */
      extensionRanges?: Array<[number, number]>
      reservedRanges?: Array<[number, number]>
      reservedNames?: string[]
    }
  >
  enums: Array<
    Described & {
      name: string
      fullName: string
      file: string
      parent?: string
      /** Only the declared numbers are values. */
      closed?: true
      values: Array<Described & { name: string; number: number }>
    }
  >
  services: Array<
    Described & {
      name: string
      fullName: string
      file: string
      methods: Array<
        Described & {
          name: string
          request: string
          reply: string
          clientStreaming?: true
          serverStreaming?: true
          idempotency?: 'NO_SIDE_EFFECTS' | 'IDEMPOTENT'
        }
      >
    }
  >
  extensions: FieldReflection[]
}

declare const protobuf: {
  /** Compiles a schema. The second argument may be an encoding's name, which is passed over. */
  (source: string | Uint8Array | SchemaObject | null, options?: Options | string): Messages
  /** The message of this full name, `package.Outer.Inner`, from any file of the schema. */
  lookup(messages: Messages, fullName: string): Message | undefined
  /** Binary to canonical ProtoJSON: no object is built. Errors have codes `IRONWIRE_PROTOBUF_…`. */
  binaryToJson(message: Message, buffer: Uint8Array, options?: ToJsonOptions): string
  /** ProtoJSON (text, or UTF-8) to binary. An error names line and column. */
  jsonToBinary(message: Message, json: string | Uint8Array, options?: ParseOptions): Buffer
  /** Binary to text format. */
  binaryToText(message: Message, buffer: Uint8Array, options?: ToTextOptions): string
  /** Text format to binary. An error names line and column. */
  textToBinary(message: Message, text: string | Uint8Array, options?: ParseOptions): Buffer
  /** {@link binaryToJson} of what `message.encode(object)` gives. */
  toJson<T>(message: Message<T>, object: T, options?: ToJsonOptions): string
  /** `message.decode` of what {@link jsonToBinary} gives. */
  fromJson<T>(message: Message<T>, json: string | Uint8Array, options?: ParseOptions): T
  /** {@link binaryToText} of what `message.encode(object)` gives. */
  toText<T>(message: Message<T>, object: T, options?: ToTextOptions): string
  /** `message.decode` of what {@link textToBinary} gives. */
  fromText<T>(message: Message<T>, text: string | Uint8Array, options?: ParseOptions): T
  /** Encodes with the length before the message, as a varint. `encodeDelimited.bytes` is how many bytes both took. */
  encodeDelimited: {
    <T>(message: Message<T>, object: T, buffer?: undefined, offset?: number): Buffer
    <T, B extends Uint8Array>(message: Message<T>, object: T, buffer: B, offset?: number): B
    bytes: number
  }
  /**
   * Decodes the message whose length stands at `offset`; `decodeDelimited.bytes` is how far the next one is from there. Input that
   * ends inside it throws `IRONWIRE_PROTOBUF_TRUNCATED`.
   */
  decodeDelimited: { <T>(message: Message<T>, buffer: Uint8Array, offset?: number): T; bytes: number }
  /**
   * The delimited messages of a stream or of any iterable of chunks, however they are cut. Throws `IRONWIRE_PROTOBUF_TRUNCATED`,
   * `IRONWIRE_PROTOBUF_TOO_LARGE`, or what `decode` throws.
   */
  decodeStream<T>(
    message: Message<T>,
    readable: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: DelimitedOptions,
  ): AsyncGenerator<T, void, undefined>
  /** A stream of bytes in, of messages out. It decodes no further ahead than its `readableHighWaterMark` (16 messages). */
  DelimitedDecoder: new <T>(
    message: Message<T>,
    options?: DelimitedOptions & TransformOptions,
  ) => Transform
  /** A stream of objects in, of delimited messages out. */
  DelimitedEncoder: new <T>(
    message: Message<T>,
    options?: TransformOptions,
  ) => Transform
  /** Everything about a schema: files, messages, fields, enums, services, extensions, options and comments. A copy. */
  reflect(messages: Messages): Reflection
  /** Services by full name, with the message objects of their methods. */
  services(messages: Messages): { [fullName: string]: Service }
  /** The schema as a `google.protobuf.FileDescriptorSet`; with `sourceInfo`, comments and places in the source go along. */
  descriptorSet(messages: Messages, options?: { sourceInfo?: boolean }): Buffer
  /** The messages of a `google.protobuf.FileDescriptorSet`, as `protoc -o` writes them. */
  fromDescriptorSet(buffer: Uint8Array, options?: Options): Messages
  /** The source of a CommonJS module that exports the messages. `encodings` names the package it requires, this one by default. */
  toJS(source: string | Uint8Array | SchemaObject | null, options?: Options & { encodings?: string }): string
  /** TypeScript declarations of the messages, as `ironwire pbts` writes them. */
  pbts(messages: Messages): string
  /** The key under which decoded objects keep unknown fields. */
  readonly unknownFields: unique symbol
}

export default protobuf
