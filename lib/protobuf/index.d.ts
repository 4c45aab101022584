/**
 * Protocol Buffers. `protobuf.load(file)` reads `.proto` files as `protoc` does, and gives messages as their authors mean them.
 * `protobuf(source)` compiles a schema call for call as npm `protocol-buffers` does. `docs/protobuf.md` has both, `docs/protobuf-formats.md`
 * JSON and text.
 */

import type { Transform, TransformOptions } from 'node:stream'

// biome-ignore lint/suspicious/noExplicitAny: what a schema declares is not known here; `ironwire pbts` writes it out.
type Dynamic = any

/** A schema: source text, its bytes, or an object in the shape of npm `protocol-buffers-schema`. */
type Source = string | Uint8Array | ArrayBuffer | SharedArrayBuffer | SchemaObject

/** Options of {@link protobuf}. */
interface Options {
  /** Name of the root file: it and its imports are asked from `resolveImport`, and the first argument is not looked at. */
  filename?: string
  /** Gives an imported file, synchronously: its text, or a schema object. Google's own files are built in. */
  resolveImport?: (filename: string) => Source | null | undefined
  /** Take what `protoc` takes and nothing else. Default `false`: also what npm `protocol-buffers` takes. */
  strict?: boolean
  /**
   * How 64-bit integers are decoded: a number while that is exact and a BigInt beyond (`'auto'`, the default), always a BigInt, or
   * always a decimal string. Encoding takes all of these, and objects like those of npm `long`.
   */
  int64?: 'auto' | 'bigint' | 'string' | 'number'
  /** Decoded objects have every field, absent ones by their default. Default `true`; `false` leaves absent fields out. */
  defaults?: boolean
  /** Keep fields that the schema does not know on decoded objects, and write them back. Default `false`. */
  unknownFields?: boolean
  /** NaN is a value of `float` and `double` fields. Default `false`: it counts as absent. */
  nan?: boolean
  /** How deep messages may nest, in all formats and both directions. Default 100, as in other implementations; at most 1,000. */
  depth?: number
  /** Bytes of input, in all formats. Default 2 GiB - 1, the bound of the binary format. */
  maxSize?: number
  /**
   * Objects that decoding may make of one input: messages, map entries and kept unknown fields, which take up to a hundred times what
   * they take on the wire. Rust (JSON, text format, no code generation) counts the values of one message and those around it, of
   * every kind. Default 16,777,216.
   */
  maxValues?: number
  /** Limits on the schema. Each one that is passed is an error that names it. */
  limits?: SchemaLimits
}

/** Options of {@link protobuf.load}, `loadSync`, `parse` and `parseDescriptorSet`. */
interface ReadOptions {
  /** Take what npm `protocol-buffers` takes besides what `protoc` does, when `false`. Default `true`. */
  strict?: boolean
  /**
   * How 64-bit integers are decoded: a number while that is exact and a BigInt beyond (`'auto'`, the default), always a BigInt, always a
   * decimal string, or always a number, where one that is not exact is an error. Encoding takes all of these.
   */
  int64?: 'auto' | 'bigint' | 'string' | 'number'
  /** Enums are decoded as numbers (default) or as their names, as far as they have one. Encoding takes both. */
  enums?: 'number' | 'string'
  /** Properties are in camel case, as in JSON. Default `false`: as declared. */
  camelCase?: boolean
  /** A oneof is a property that names the member that is set; `encode` writes that one. Default `false`. */
  oneofs?: boolean
  /** Fields of type `google.protobuf.Timestamp` are messages (default) or `Date`s, without what is below a millisecond. */
  timestamps?: 'message' | 'date'
  /** Fields of type `google.protobuf.Duration` are messages (default) or numbers of milliseconds. */
  durations?: 'message' | 'milliseconds'
  /** Keep fields that the schema does not know, numbers that a closed enum does not name among them, and write them back. Default `true`. */
  unknownFields?: boolean
  /** As of {@link Options}. */
  depth?: number
  /** As of {@link Options}. */
  maxSize?: number
  /** As of {@link Options}. */
  maxValues?: number
  /** Limits on the schema. */
  limits?: SchemaLimits
}

/** How files are found. */
interface LoadOptions<Import = Source> extends ReadOptions {
  /** Folders that imports are found in, as with `protoc -I`. Default: that of the file, then the working directory. */
  includePaths?: string[]
  /** Asked for an import before the folders are. */
  resolveImport?: (name: string) => Import | null | undefined
}

/** Options of {@link protobuf.parse}. */
interface ParseTextOptions extends LoadOptions {
  /** What errors and descriptors call the text. Default `schema.proto`. */
  filename?: string
}

/** Options of {@link protobuf.parseDescriptorSet}. */
interface DescriptorSetOptions extends ReadOptions {
  /** The files whose messages are there by their bare name, too. Default: the last one. */
  files?: string[]
}

/** Forms of values that {@link LoadedType.toObject} gives. */
interface ToObjectOptions {
  enums?: 'number' | 'string'
  int64?: 'bigint' | 'string' | 'number'
  bytes?: 'base64' | 'array'
  /** Fields that are not set have their default. */
  defaults?: boolean
}

/** A message type of {@link protobuf.load}, as `ironwire pbts --load` declares it: `encode` takes a `T`, `decode` gives a `D`. */
interface LoadedType<T = Dynamic, D = T> {
  readonly name: string
  /** With its package: `google.rpc.Status`. */
  readonly fullName: string
  /** Encodes a message, into `buffer` at `offset` where given. `encode.bytes` is how many bytes it took. */
  encode: { (message: T, buffer?: Uint8Array, offset?: number): Buffer; bytes: number }
  /** Decodes what lies between `offset` and `end`. */
  decode: { (buffer: Uint8Array, offset?: number, end?: number): D; bytes: number }
  encodingLength(message: T): number
  /** A message with these fields, and with the defaults that every message has. A field that there is not is an error. */
  create(init?: T): D
  /** Whether two objects are the same message, in whatever forms their values are. */
  equals(a: T, b: T): boolean
  /** A deep copy. */
  clone(message: D): D
  /** A message of an object from elsewhere: what `encode` takes, base64 for bytes, and names as declared. */
  fromObject(object: object): D
  /** A deep copy in other forms. */
  toObject(message: T, options?: ToObjectOptions): Record<string, Dynamic>
  /** ProtoJSON as a value. */
  toJson(message: T, options?: ToJsonOptions): Dynamic
  fromJson(value: unknown, options?: ParseOptions): D
  /** ProtoJSON as text. */
  toJsonString(message: T, options?: ToJsonOptions): string
  fromJsonString(text: string | Uint8Array, options?: ParseOptions): D
  /** Text format. */
  toText(message: T, options?: ToTextOptions): string
  fromText(text: string | Uint8Array, options?: ParseOptions): D
}

/** Packages by name, in them messages, enums and services; and what the loaded files declare, by its bare name. */
interface Root {
  readonly [name: string]: Dynamic
}

/** Whatever encodes and decodes messages. */
type AnyType<T = Dynamic, D = T> = Pick<LoadedType<T, D>, 'encode' | 'decode'>

/** Limits on schemas that come from elsewhere; `docs/protobuf-language.md` has the reasons for the defaults. */
interface SchemaLimits {
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
interface SchemaObject {
  package?: string | null
  imports?: string[]
  enums?: object[]
  messages?: object[]
  services?: object[]
  [key: string]: unknown
}

/** Encodes and decodes values of one type: `encode` takes a `T`, `decode` gives a `D`. */
interface Encoding<T = Dynamic, D = T> {
  /** Wire type: 0 varint, 1 eight bytes, 2 length-prefixed, 5 four bytes. */
  type: number
  /** Encodes a value, into `buffer` at `offset` where given. `encode.bytes` is how many bytes it took. */
  encode: { (value: T, buffer?: Uint8Array, offset?: number): Buffer; bytes: number }
  /** Decodes what lies between `offset` and `end`. `decode.bytes` is how many bytes it took. */
  decode: { (buffer: Uint8Array, offset?: number, end?: number): D; bytes: number }
  /** How many bytes `encode` would take. */
  encodingLength(value: T): number
}

/** A message type, as `ironwire pbts` declares it. */
interface MessageType<T = Dynamic, D = T> extends Encoding<T, D> {
  message: true
  name: string
  buffer: true
  /** Encodings of the types of its fields, each once. */
  dependencies: Encoding[]
}

/** A message type. Nested messages and enums are properties of it. */
interface Message<T = Dynamic, D = T> extends MessageType<T, D> {
  [nested: string]: Dynamic
}

/** What `encode` takes for a 64-bit integer: the object is a Long, as of npm `long`. */
type Int64Input = number | bigint | string | { low: number; high: number; unsigned: boolean }

/** What `encode` takes for a repeated field. A string is no list of strings. */
type ListInput<T> = (ArrayLike<T> | Iterable<T>) & object

/** What `encode` takes for a map. */
type MapInput<K, V> = { readonly [key: string]: V } | ReadonlyMap<K, V> | Iterable<readonly [K, V]>

/** What `encode` takes for `bytes`; a string is written as UTF-8. */
type BytesInput = ArrayBufferView | ArrayBufferLike | string

/** Messages by name, enums as objects of numbers by name, and services by name, which do not show when one walks over it. */
interface Messages {
  [name: string]: Dynamic
}

/** Options of all formats. */
interface FormatOptions {
  /** A missing required field is no error. */
  partial?: boolean
}

/** How JSON is written. */
interface ToJsonOptions extends FormatOptions {
  /** Write fields without presence, repeated fields and maps that are unset, too. */
  defaults?: boolean
  /** Keys are the names as declared, `foo_bar` instead of `fooBar`. */
  protoNames?: boolean
  /** Enums are numbers. */
  enumNumbers?: boolean
}

/** How JSON and text format are read. */
interface ParseOptions extends FormatOptions {
  /** Pass over fields, and in JSON names of enum values, that the schema does not know. */
  ignoreUnknown?: boolean
}

/** How text format is written. */
interface ToTextOptions extends FormatOptions {
  /** Write unknown fields by their numbers. Such text can be read by people, but not be parsed again. */
  unknown?: boolean
  /** All on one line. */
  singleLine?: boolean
}

/** How streams of delimited messages are read. */
interface DelimitedOptions {
  /** The longest message to accept, in bytes: it is held whole in memory. At most 2 GiB - 1. Default 16 MiB, as for frames of `rpc`. */
  maxSize?: number
}

/** How descriptors are written. */
interface DescriptorOptions {
  /** Comments and places go along. Default `false`. */
  sourceInfo?: boolean
}

/** Comments of an element, without comment marks. */
interface CommentInfo {
  /** Right before it; empty where there is none. */
  leading: string
  /** Right after it. */
  trailing: string
  /** Before the leading one, separated by an empty line each. */
  detached: string[]
}

/** Where the name of an element stands. Lines and columns count from 1. */
interface PositionInfo {
  file: string
  line: number
  column: number
}

/** What every element of a schema has. */
interface Element {
  /** The name as declared. */
  readonly name: string
  /** With package and what is around it, without a leading dot. */
  readonly fullName: string
  /** The file it is declared in. */
  readonly file: FileInfo
  /**
   * Options that are set: `deprecated`, custom ones as `(package.name)`. Messages are objects, enum values their names, 64-bit integers
   * beyond 2^53 BigInts.
   */
  readonly options: Record<string, Dynamic>
  readonly comment: CommentInfo
  /** `null` where the schema did not come from source. */
  readonly position: PositionInfo | null
}

/** One file; `name` and `fullName` are what it is imported by. */
interface FileInfo extends Element {
  readonly package: string
  readonly edition: 'proto2' | 'proto3' | '2023' | '2024'
  readonly imports: { file: FileInfo; kind: 'plain' | 'public' | 'weak' | 'option' }[]
  /** Messages at its top level; so for the following. */
  readonly messages: MessageInfo[]
  readonly enums: EnumInfo[]
  readonly services: ServiceInfo[]
  readonly extensions: FieldInfo[]
}

/** A message type. */
interface MessageInfo extends Element {
  /** What encodes and decodes it. */
  readonly message: Message
  /** The message around it. */
  readonly parent: MessageInfo | null
  /** In order of declaration, without extensions. */
  readonly fields: FieldInfo[]
  readonly oneofs: OneofInfo[]
  /** Nested messages, without entries of maps. */
  readonly messages: MessageInfo[]
  readonly enums: EnumInfo[]
  /** Extensions of this message, by number, wherever they are declared. */
  readonly extensions: FieldInfo[]
  /** Extensions declared within it, of whatever message. */
  readonly nestedExtensions: FieldInfo[]
  /** Numbers set aside for extensions; both ends are included, here and below. */
  readonly extensionRanges: { start: number; end: number }[]
  readonly reservedRanges: { start: number; end: number }[]
  readonly reservedNames: string[]
  /** True for the entry type of a map. */
  readonly isMapEntry: boolean
  /** The field of this name as declared, or of this number. */
  field(key: string | number): FieldInfo | undefined
}

/** A field or extension. */
interface FieldInfo extends Element {
  readonly number: number
  readonly label: 'optional' | 'required' | 'repeated' | 'map'
  /** A scalar's keyword, `'message'` (also for maps: the entry), `'group'` or `'enum'`. */
  readonly type: string
  /** The type of a message, a group, or the entry of a map. */
  readonly message: MessageInfo | null
  readonly enum: EnumInfo | null
  /** Key and value of a map, as fields of its entry. */
  readonly mapKey: FieldInfo | null
  readonly mapValue: FieldInfo | null
  /** Its key in JSON. */
  readonly jsonName: string
  /** Its property on objects: the name, or `[full.name]` for an extension that could clash. */
  readonly property: string
  /** Unset differs from the default. */
  readonly hasPresence: boolean
  /** Encoded as one run. */
  readonly packed: boolean
  /** What an absent field is decoded as, with the schema's `int64`. */
  readonly default: Dynamic
  /** A default is declared. */
  readonly hasDefault: boolean
  readonly oneof: OneofInfo | null
  readonly isExtension: boolean
  /** The message it is a field of; for an extension, the one it extends. */
  readonly parent: MessageInfo
}

/** A oneof. */
interface OneofInfo extends Element {
  readonly parent: MessageInfo
  readonly fields: FieldInfo[]
  /** It stands for one proto3 `optional` field. */
  readonly synthetic: boolean
  /** Its property on objects; `null` where the option `oneofs` is not set. */
  readonly property: string | null
}

/** An enum type. */
interface EnumInfo extends Element {
  readonly parent: MessageInfo | null
  /** It takes its own numbers only, as in proto2. */
  readonly closed: boolean
  /** In order of declaration. */
  readonly values: EnumValueInfo[]
  readonly reservedRanges: { start: number; end: number }[]
  readonly reservedNames: string[]
  /** The value of this name, or the first of this number. */
  value(key: string | number): EnumValueInfo | undefined
}

/** A value of an enum. Its full name is beside that of the enum, as in protobuf. */
interface EnumValueInfo extends Element {
  readonly number: number
  readonly parent: EnumInfo
}

/** A service. */
interface ServiceInfo<Methods = Record<string, MethodInfo>> extends Element {
  /** By name, in order of declaration. */
  readonly methods: Methods
}

/** A method of a service. */
interface MethodInfo<
  Request extends AnyType = Message,
  Response extends AnyType = Message,
  ClientStreaming extends boolean = boolean,
  ServerStreaming extends boolean = boolean,
> extends Element {
  /** `/package.Service/Method`, as gRPC calls it. */
  readonly path: string
  /** Types of request and reply as reflection shows them, ... */
  readonly input: MessageInfo
  readonly output: MessageInfo
  /** ... and what encodes and decodes them. */
  readonly requestType: Request
  readonly responseType: Response
  /** `(stream Request)`. */
  readonly clientStreaming: ClientStreaming
  /** `returns (stream Response)`. */
  readonly serverStreaming: ServerStreaming
  readonly idempotency: 'unknown' | 'no-side-effects' | 'idempotent'
  readonly parent: ServiceInfo
}

/** A schema. Elements are the same objects every time, and made when they are asked for. */
interface Reflection {
  /** Imports before importers. */
  readonly files: FileInfo[]
  /** Of all files, nested ones too. */
  readonly messages: MessageInfo[]
  readonly enums: EnumInfo[]
  readonly services: ServiceInfo[]
  readonly extensions: FieldInfo[]
  file(name: string): FileInfo | undefined
  message(fullName: string): MessageInfo | undefined
  enum(fullName: string): EnumInfo | undefined
  service(fullName: string): ServiceInfo | undefined
  extension(fullName: string): FieldInfo | undefined
}

// `$services` is where `ironwire pbts` declares the services of a schema. It is there in types only.
type ServiceOf<M, N> = string extends keyof M
  ? ServiceInfo
  : M extends { $services: infer S }
    ? N extends keyof S
      ? S[N]
      : ServiceInfo
    : ServiceInfo

declare const protobuf: {
  /**
   * Compiles a schema. The second argument may be an encoding's name, which is passed over. `M` is what `ironwire pbts` wrote for it:
   * `protobuf<import('./person').default>(source)`.
   */
  <M extends object = Messages>(source: Source | null, options?: Options | string): M
  /**
   * Reads a schema from a file, or from several, with all that they import, and gives its packages. Messages are what their schema
   * says: absent is absent. Calls back, or gives a promise. `R` is what `ironwire pbts --load` wrote: `load<typeof import('./person')>(…)`.
   */
  load: {
    <R extends object = Root>(
      file: string | string[],
      options?: LoadOptions<Source | PromiseLike<Source | null | undefined>>,
    ): Promise<R>
    <R extends object = Root>(file: string | string[], callback: (error: Error | null, root?: R) => void): void
    <R extends object = Root>(
      file: string | string[],
      options: LoadOptions<Source | PromiseLike<Source | null | undefined>> | undefined,
      callback: (error: Error | null, root?: R) => void,
    ): void
  }
  /** The same at once. */
  loadSync<R extends object = Root>(file: string | string[], options?: LoadOptions): R
  /** The same of a text. Files are read for its imports only, and only in `includePaths`. */
  parse<R extends object = Root>(source: Source, options?: ParseTextOptions): R
  /** The same of a `google.protobuf.FileDescriptorSet`, such as `protoc --descriptor_set_out` and `buf build` write. */
  parseDescriptorSet<R extends object = Root>(bytes: Uint8Array, options?: DescriptorSetOptions): R
  /** The source of a module that exports what a root has, by name, and the root itself as its default. */
  toModule(root: object, options?: { module?: 'commonjs' | 'esm'; from?: string }): string
  /** The message of this full name, `package.Outer.Inner`, from any file of the schema. */
  lookup(messages: object, fullName: string): Message | undefined
  /** Binary to canonical ProtoJSON: no object is built. Errors have codes `IRONWIRE_PROTOBUF_…`. */
  binaryToJson(message: AnyType, buffer: Uint8Array, options?: ToJsonOptions): string
  /** ProtoJSON (text, or UTF-8) to binary. An error names line and column. */
  jsonToBinary(message: AnyType, json: string | Uint8Array, options?: ParseOptions): Buffer
  /** Binary to text format. */
  binaryToText(message: AnyType, buffer: Uint8Array, options?: ToTextOptions): string
  /** Text format to binary. An error names line and column. */
  textToBinary(message: AnyType, text: string | Uint8Array, options?: ParseOptions): Buffer
  /** {@link binaryToJson} of what `message.encode(object)` gives. */
  toJson<T>(message: AnyType<T>, object: T, options?: ToJsonOptions): string
  /** `message.decode` of what {@link jsonToBinary} gives. */
  fromJson<D>(message: AnyType<never, D>, json: string | Uint8Array, options?: ParseOptions): D
  /** {@link binaryToText} of what `message.encode(object)` gives. */
  toText<T>(message: AnyType<T>, object: T, options?: ToTextOptions): string
  /** `message.decode` of what {@link textToBinary} gives. */
  fromText<D>(message: AnyType<never, D>, text: string | Uint8Array, options?: ParseOptions): D
  /** Encodes with the length before the message, as a varint. `encodeDelimited.bytes` is how many bytes both took. */
  encodeDelimited: {
    <T>(message: AnyType<T>, object: T, buffer?: undefined, offset?: number): Buffer
    <T, B extends Uint8Array>(message: AnyType<T>, object: T, buffer: B, offset?: number): B
    bytes: number
  }
  /**
   * Decodes the message whose length stands at `offset`; `decodeDelimited.bytes` is how far the next one is from there. Input that
   * ends inside it throws `IRONWIRE_PROTOBUF_TRUNCATED`.
   */
  decodeDelimited: { <D>(message: AnyType<never, D>, buffer: Uint8Array, offset?: number): D; bytes: number }
  /**
   * The delimited messages of a stream or of any iterable of chunks, however they are cut. Throws `IRONWIRE_PROTOBUF_TRUNCATED`,
   * `IRONWIRE_PROTOBUF_TOO_LARGE`, or what `decode` throws.
   */
  decodeStream<D>(
    message: AnyType<never, D>,
    readable: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: DelimitedOptions,
  ): AsyncGenerator<D, void, undefined>
  /** A stream of bytes in, of messages out. It decodes no further ahead than its `readableHighWaterMark` (16 messages). */
  DelimitedDecoder: new (
    message: AnyType,
    options?: DelimitedOptions & TransformOptions,
  ) => Transform
  /** A stream of objects in, of delimited messages out. */
  DelimitedEncoder: new (
    message: AnyType,
    options?: TransformOptions,
  ) => Transform
  /** All files of a schema as the bytes of a `google.protobuf.FileDescriptorSet`, imports before importers. */
  toDescriptorSet(messages: object, options?: DescriptorOptions): Buffer
  /**
   * The messages of all files of a `google.protobuf.FileDescriptorSet`, such as `protoc --descriptor_set_out` writes. Google's own files
   * may be missing from it. `filename` and `resolveImport` have no meaning here.
   */
  fromDescriptorSet<M extends object = Messages>(bytes: Uint8Array, options?: Options): M
  /** What the schema says, element by element. */
  reflect: { (message: AnyType<never, unknown>): MessageInfo; (messages: object): Reflection }
  /** The service of this full name, `package.Name`. */
  service<M extends object, N extends string>(messages: M, fullName: N): ServiceOf<M, N>
  /** The source of a module that exports the messages. `encodings` names the package that it takes this from, ironwire by default. */
  toJS(source: Source | null, options?: Options & { encodings?: string; module?: 'commonjs' | 'esm' }): string
  /** TypeScript declarations of the messages, as `ironwire pbts` writes them. */
  pbts(messages: object): string
  /** The key under which decoded objects keep unknown fields. */
  readonly unknownFields: unique symbol
}

declare namespace protobuf {
  export {
    AnyType,
    BytesInput,
    CommentInfo,
    DelimitedOptions,
    DescriptorOptions,
    DescriptorSetOptions,
    Element,
    Encoding,
    EnumInfo,
    EnumValueInfo,
    FieldInfo,
    FileInfo,
    FormatOptions,
    Int64Input,
    ListInput,
    LoadedType,
    LoadOptions,
    MapInput,
    Message,
    MessageInfo,
    Messages,
    MessageType,
    MethodInfo,
    OneofInfo,
    Options,
    ParseOptions,
    ParseTextOptions,
    PositionInfo,
    ReadOptions,
    Reflection,
    Root,
    SchemaLimits,
    SchemaObject,
    ServiceInfo,
    Source,
    ToJsonOptions,
    ToObjectOptions,
    ToTextOptions,
  }
}

export = protobuf
