/**
 * Protocol Buffers. There are two ways in:
 *
 * - `protobuf.load(file)`, `loadSync`, `parse` and `parseDescriptorSet` read schemas as `protoc` does. Absent fields
 *   stay absent, packages are objects. Use them for new programs.
 * - `protobuf(source)` is npm `protocol-buffers` 5, call for call. Use it in place of that package.
 *
 * `docs/protobuf.md` describes both, `docs/protobuf-formats.md` JSON and text format. Errors have the codes
 * `IRONWIRE_PROTOBUF_…`.
 *
 * @example
 * ```js
 * const root = protobuf.loadSync('person.proto')
 * const bytes = root.people.Person.encode({ name: 'Ada' })
 * const person = root.people.Person.decode(bytes)
 * ```
 */

import type { Transform, TransformOptions } from 'node:stream'

// biome-ignore lint/suspicious/noExplicitAny: what a schema declares is not known here; `ironwire pbts` writes it out.
type Dynamic = any

/** A schema: its text, the bytes of its text, or an object as npm `protocol-buffers-schema` makes it. */
type Source = string | Uint8Array | ArrayBuffer | SharedArrayBuffer | SchemaObject

/** Options of {@link protobuf}. Unknown options are ignored, as npm `protocol-buffers` does. */
interface Options {
  /**
   * The name of the root file. If it is given, the file and its imports come from `resolveImport`, and the first
   * argument is ignored.
   */
  filename?: string
  /**
   * Returns an imported file: its text, or a schema object. It cannot be asynchronous. Google's own files are built
   * in.
   */
  resolveImport?: (filename: string) => Source | null | undefined
  /** Accept only what `protoc` accepts. With `false`, also what npm `protocol-buffers` accepts. Default: `false`. */
  strict?: boolean
  /**
   * How 64-bit integers are decoded: `'auto'` gives a number up to 2^53 - 1 and a BigInt beyond; `'bigint'` and
   * `'string'` always give that type; `'number'` gives an error if the number is not exact. Encoding accepts all of
   * these, and objects like those of npm `long`. Default: `'auto'`.
   */
  int64?: 'auto' | 'bigint' | 'string' | 'number'
  /**
   * Whether decoded objects have every field, absent ones with their default. With `false` absent fields are left
   * out. Default: `true`.
   */
  defaults?: boolean
  /**
   * Whether decoded objects keep fields that the schema does not know, so that `encode` writes them back. Default:
   * `false`.
   */
  unknownFields?: boolean
  /** Whether NaN is a value of `float` and `double` fields. With `false` it counts as absent. Default: `false`. */
  nan?: boolean
  /**
   * How deep messages may nest, in all formats and both directions, 1 to 1,000. The limit protects the stack.
   * Default: 100, as in other implementations.
   */
  depth?: number
  /** The longest input in bytes, in all formats. Default: 2 GiB - 1, the limit of the binary format. */
  maxSize?: number
  /**
   * How many objects (messages, map entries and kept unknown fields) one input may be decoded to. In memory they can
   * take a hundred times as much as on the wire, so set this or `maxSize` for input from strangers. JSON, text format
   * and the codec without code generation count values of every kind. Default: 16,777,216.
   */
  maxValues?: number
  /** Limits on the schema. A schema beyond one of them is an error that names it. */
  limits?: SchemaLimits
}

/**
 * Options of {@link protobuf.load}, `loadSync`, `parse` and `parseDescriptorSet`. An unknown option throws
 * `IRONWIRE_UNKNOWN_OPTION`.
 */
interface ReadOptions {
  /** Accept only what `protoc` accepts. With `false`, also what npm `protocol-buffers` accepts. Default: `true`. */
  strict?: boolean
  /**
   * How 64-bit integers are decoded: `'auto'` gives a number up to 2^53 - 1 and a BigInt beyond; `'bigint'` and
   * `'string'` always give that type; `'number'` gives the error `ERR_OUT_OF_RANGE` if the number is not exact.
   * Encoding accepts all of these. Default: `'auto'`.
   */
  int64?: 'auto' | 'bigint' | 'string' | 'number'
  /**
   * Whether enums are decoded as numbers or as their names. A number without a name stays a number. Encoding accepts
   * both. Default: `'number'`.
   */
  enums?: 'number' | 'string'
  /** Whether properties are in camel case, as in JSON, or named as declared. Default: `false`. */
  camelCase?: boolean
  /**
   * Whether a oneof is a property too, which names the member that is set. `encode` then writes that member. Default:
   * `false`.
   */
  oneofs?: boolean
  /**
   * Whether fields of type `google.protobuf.Timestamp` are messages or `Date`s. A `Date` loses what is below a
   * millisecond. Default: `'message'`.
   */
  timestamps?: 'message' | 'date'
  /**
   * Whether fields of type `google.protobuf.Duration` are messages or numbers of milliseconds. Default: `'message'`.
   */
  durations?: 'message' | 'milliseconds'
  /**
   * Whether decoded objects keep fields that the schema does not know, and numbers that a closed enum does not name,
   * so that `encode` writes them back. Default: `true`.
   */
  unknownFields?: boolean
  /** How deep messages may nest, in all formats and both directions, 1 to 1,000. Default: 100. */
  depth?: number
  /** The longest input in bytes, in all formats. Default: 2 GiB - 1. */
  maxSize?: number
  /** How many objects one input may be decoded to. See {@link Options.maxValues}. Default: 16,777,216. */
  maxValues?: number
  /** Limits on the schema. A schema beyond one of them is an error that names it. */
  limits?: SchemaLimits
}

/** Options of {@link protobuf.load} and `loadSync`. */
interface LoadOptions<Import = Source> extends ReadOptions {
  /**
   * The folders in which imports are searched, in this order, as with `protoc -I`. Default: the folder of the file,
   * then the working directory.
   */
  includePaths?: string[]
  /**
   * Returns an imported file before the folders are searched; `null` or `undefined` to search them. For `load` it may
   * return a promise.
   */
  resolveImport?: (name: string) => Import | null | undefined
}

/** Options of {@link protobuf.parse}. Imports are searched in `includePaths` only. */
interface ParseTextOptions extends LoadOptions {
  /** The name of the text in errors and descriptors. Default: `'schema.proto'`. */
  filename?: string
}

/** Options of {@link protobuf.parseDescriptorSet}. */
interface DescriptorSetOptions extends ReadOptions {
  /** The files whose messages are also found by their bare name, without their package. Default: the last file. */
  files?: string[]
}

/** How {@link LoadedType.toObject} represents values. Without an option the values stay as they are. */
interface ToObjectOptions {
  /** Enums as numbers or as names. */
  enums?: 'number' | 'string'
  /** 64-bit integers as BigInts, decimal strings or numbers. */
  int64?: 'bigint' | 'string' | 'number'
  /** Bytes as base64 text or as arrays of numbers. */
  bytes?: 'base64' | 'array'
  /** Give fields that are not set their default. Default: `false`. */
  defaults?: boolean
}

/**
 * A message type of {@link protobuf.load}, as `ironwire pbts --load` declares it. `encode` takes a `T`, `decode`
 * returns a `D`. All functions work without `this`.
 */
interface LoadedType<T = Dynamic, D = T> {
  /** The name, without its package. */
  readonly name: string
  /** The name with its package, such as `google.rpc.Status`. */
  readonly fullName: string
  /**
   * Encodes a message into a new Buffer, or into `buffer` at `offset` if they are given. `encode.bytes` is the size
   * of the message that was encoded last.
   *
   * @throws `IRONWIRE_PROTOBUF_REQUIRED` if a required field is missing, `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE`
   * if a value does not fit its field.
   */
  encode: { (message: T, buffer?: Uint8Array, offset?: number): Buffer; bytes: number }
  /**
   * Decodes the bytes from `offset` (default 0) to `end` (default: the end of the buffer). `decode.bytes` is how many
   * bytes that were.
   *
   * @throws `IRONWIRE_PROTOBUF_INVALID` if the bytes are not such a message.
   */
  decode: { (buffer: Uint8Array, offset?: number, end?: number): D; bytes: number }
  /** How many bytes `encode` would write. */
  encodingLength(message: T): number
  /**
   * Creates a message with these fields, and with the defaults that every message has. A field that the type does not
   * have is an error.
   */
  create(init?: T): D
  /** Whether two objects are the same message, even if their values have different forms. */
  equals(a: T, b: T): boolean
  /** Makes a deep copy. */
  clone(message: D): D
  /**
   * Makes a message of an object from elsewhere. It accepts what `encode` accepts, base64 for bytes, and fields named
   * as declared.
   */
  fromObject(object: object): D
  /** Makes a deep copy whose values have the forms that you choose. */
  toObject(message: T, options?: ToObjectOptions): Record<string, Dynamic>
  /** Converts a message to ProtoJSON, as a value for `JSON.stringify`. */
  toJson(message: T, options?: ToJsonOptions): Dynamic
  /** Reads a message from ProtoJSON, as a value from `JSON.parse`. */
  fromJson(value: unknown, options?: ParseOptions): D
  /** Converts a message to ProtoJSON as text. */
  toJsonString(message: T, options?: ToJsonOptions): string
  /** Reads a message from ProtoJSON as text. */
  fromJsonString(text: string | Uint8Array, options?: ParseOptions): D
  /** Converts a message to text format. */
  toText(message: T, options?: ToTextOptions): string
  /** Reads a message from text format. */
  fromText(text: string | Uint8Array, options?: ParseOptions): D
}

/**
 * The packages by name, with their messages, enums and services. What the loaded files declare is also found by its
 * bare name.
 */
interface Root {
  readonly [name: string]: Dynamic
}

/** Anything that encodes and decodes messages: a message of `protobuf()` or of `protobuf.load`. */
type AnyType<T = Dynamic, D = T> = Pick<LoadedType<T, D>, 'encode' | 'decode'>

/** Limits on schemas that come from elsewhere. `docs/protobuf-language.md` gives the reasons for the defaults. */
interface SchemaLimits {
  /** Bytes of all sources together, or of a descriptor set. Default: 64 MiB. */
  sourceBytes?: number
  /** How deep messages, groups and `{…}` values of options may nest, at most 256. Default: 64. */
  nesting?: number
  /** How deep imports may import others, at most 512. Default: 128. */
  importDepth?: number
  /** How many files a schema may have. Default: 10,000. */
  files?: number
  /** How many different options one element may have. Default: 1,000. */
  options?: number
  /** Bytes of a full name such as `package.Outer.Inner`. Default: 512. */
  fullName?: number
  /** How many names a schema may declare. Default: 1,000,000. */
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

/** Encodes and decodes values of one type: `encode` takes a `T`, `decode` returns a `D`. */
interface Encoding<T = Dynamic, D = T> {
  /** The wire type: 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  type: number
  /**
   * Encodes a value into a new Buffer, or into `buffer` at `offset` if they are given. `encode.bytes` is how many
   * bytes the last value took.
   */
  encode: { (value: T, buffer?: Uint8Array, offset?: number): Buffer; bytes: number }
  /** Decodes the bytes from `offset` to `end`. `decode.bytes` is how many bytes the last value took. */
  decode: { (buffer: Uint8Array, offset?: number, end?: number): D; bytes: number }
  /** How many bytes `encode` would write. */
  encodingLength(value: T): number
}

/** A message type of `protobuf()`, as `ironwire pbts` declares it. */
interface MessageType<T = Dynamic, D = T> extends Encoding<T, D> {
  /** Always `true`, as in npm `protocol-buffers`. */
  message: true
  /** The name of the message. */
  name: string
  /** Always `true`: the message encodes to a Buffer. */
  buffer: true
  /** The encodings of its fields' types, each once. */
  dependencies: Encoding[]
}

/** A message type of `protobuf()`. Nested messages and enums are its properties. */
interface Message<T = Dynamic, D = T> extends MessageType<T, D> {
  [nested: string]: Dynamic
}

/** What `encode` accepts for a 64-bit integer. The object is a Long, as of npm `long`. */
type Int64Input = number | bigint | string | { low: number; high: number; unsigned: boolean }

/** What `encode` accepts for a repeated field. A string is not a list of strings. */
type ListInput<T> = (ArrayLike<T> | Iterable<T>) & object

/** What `encode` accepts for a map. */
type MapInput<K, V> = { readonly [key: string]: V } | ReadonlyMap<K, V> | Iterable<readonly [K, V]>

/** What `encode` accepts for `bytes`. A string is written as UTF-8. */
type BytesInput = ArrayBufferView | ArrayBufferLike | string

/**
 * The messages of a schema by name, its enums as objects of numbers by name, and its services by name. Services are
 * not enumerable.
 */
interface Messages {
  [name: string]: Dynamic
}

/** Options of JSON and text format. */
interface FormatOptions {
  /** Whether a missing required field is allowed. Default: `false`. */
  partial?: boolean
}

/** Options for writing ProtoJSON. */
interface ToJsonOptions extends FormatOptions {
  /** Whether to write unset fields without presence, repeated fields and maps too. Default: `false`. */
  defaults?: boolean
  /** Whether keys are the names as declared (`foo_bar`) instead of camel case (`fooBar`). Default: `false`. */
  protoNames?: boolean
  /** Whether enums are written as numbers. Default: `false`. */
  enumNumbers?: boolean
}

/** Options for reading ProtoJSON and text format. */
interface ParseOptions extends FormatOptions {
  /** Whether to skip fields that the schema does not know, and in JSON names of enum values. Default: `false`. */
  ignoreUnknown?: boolean
}

/** Options for writing text format. */
interface ToTextOptions extends FormatOptions {
  /**
   * Whether to write unknown fields, by number. People can read such text; it cannot be parsed again. Default:
   * `false`.
   */
  unknown?: boolean
  /** Whether to write everything on one line. Default: `false`. */
  singleLine?: boolean
}

/** Options for reading streams of delimited messages. */
interface DelimitedOptions {
  /** The longest message in bytes, because each is held whole in memory; at most 2 GiB - 1. Default: 16 MiB. */
  maxSize?: number
}

/** Options for writing descriptors. */
interface DescriptorOptions {
  /** Whether to include comments and positions. Default: `false`. */
  sourceInfo?: boolean
}

/** The comments of an element, without comment marks. */
interface CommentInfo {
  /** The comment directly before it, or `''`. */
  leading: string
  /** The comment directly after it, or `''`. */
  trailing: string
  /** Comments before the leading one, separated from it and from each other by empty lines. */
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
  /** The name with its package and the messages around it, without a leading dot. */
  readonly fullName: string
  /** The file that declares it. */
  readonly file: FileInfo
  /**
   * The options that are set, such as `deprecated`; custom ones as `(package.name)`. Messages are objects, enum
   * values their names, 64-bit integers beyond 2^53 BigInts.
   */
  readonly options: Record<string, Dynamic>
  /** Its comments. */
  readonly comment: CommentInfo
  /** Where it is declared, or `null` if the schema did not come from source. */
  readonly position: PositionInfo | null
}

/** One file. `name` and `fullName` are what it is imported by. */
interface FileInfo extends Element {
  /** The package, or `''`. */
  readonly package: string
  /** The syntax or edition. */
  readonly edition: 'proto2' | 'proto3' | '2023' | '2024'
  /** The files that it imports, and how. */
  readonly imports: { file: FileInfo; kind: 'plain' | 'public' | 'weak' | 'option' }[]
  /** The messages at its top level. */
  readonly messages: MessageInfo[]
  /** The enums at its top level. */
  readonly enums: EnumInfo[]
  /** Its services. */
  readonly services: ServiceInfo[]
  /** The extensions at its top level. */
  readonly extensions: FieldInfo[]
}

/** A message type. */
interface MessageInfo extends Element {
  /** The object that encodes and decodes it. */
  readonly message: Message
  /** The message around it, or `null`. */
  readonly parent: MessageInfo | null
  /** Its fields in the order of declaration, without extensions. */
  readonly fields: FieldInfo[]
  /** Its oneofs. */
  readonly oneofs: OneofInfo[]
  /** The messages in it, without the entry types of maps. */
  readonly messages: MessageInfo[]
  /** The enums in it. */
  readonly enums: EnumInfo[]
  /** The extensions of this message, by number, wherever they are declared. */
  readonly extensions: FieldInfo[]
  /** The extensions that are declared in it, of any message. */
  readonly nestedExtensions: FieldInfo[]
  /** The field numbers that are set aside for extensions. `start` and `end` are included. */
  readonly extensionRanges: { start: number; end: number }[]
  /** The field numbers that are reserved. `start` and `end` are included. */
  readonly reservedRanges: { start: number; end: number }[]
  /** The field names that are reserved. */
  readonly reservedNames: string[]
  /** Whether it is the entry type of a map. */
  readonly isMapEntry: boolean
  /** The field with this name as declared, or with this number. */
  field(key: string | number): FieldInfo | undefined
}

/** A field or an extension. */
interface FieldInfo extends Element {
  /** The field number. */
  readonly number: number
  /** Its cardinality. */
  readonly label: 'optional' | 'required' | 'repeated' | 'map'
  /** The keyword of a scalar type, `'message'` (for maps too), `'group'` or `'enum'`. */
  readonly type: string
  /** The type of a message or group, or the entry type of a map. */
  readonly message: MessageInfo | null
  /** The type of an enum. */
  readonly enum: EnumInfo | null
  /** The key of a map. */
  readonly mapKey: FieldInfo | null
  /** The value of a map. */
  readonly mapValue: FieldInfo | null
  /** Its key in JSON. */
  readonly jsonName: string
  /** Its property on objects: its name, or `[full.name]` for an extension whose name could clash. */
  readonly property: string
  /** Whether an unset field differs from one that is set to its default. */
  readonly hasPresence: boolean
  /** Whether a repeated field is encoded as one run of values. */
  readonly packed: boolean
  /** What an absent field counts as, in the form that the option `int64` chooses. */
  readonly default: Dynamic
  /** Whether the schema declares a default. */
  readonly hasDefault: boolean
  /** The oneof that it belongs to, or `null`. */
  readonly oneof: OneofInfo | null
  /** Whether it is an extension. */
  readonly isExtension: boolean
  /** The message that has the field; for an extension, the message that it extends. */
  readonly parent: MessageInfo
}

/** A oneof. */
interface OneofInfo extends Element {
  /** The message that has the oneof. */
  readonly parent: MessageInfo
  /** Its members. */
  readonly fields: FieldInfo[]
  /** Whether it only represents one proto3 `optional` field. */
  readonly synthetic: boolean
  /** Its property on objects, or `null` without the option `oneofs`. */
  readonly property: string | null
}

/** An enum type. */
interface EnumInfo extends Element {
  /** The message around it, or `null`. */
  readonly parent: MessageInfo | null
  /** Whether it accepts only numbers that it names, as in proto2. */
  readonly closed: boolean
  /** Its values in the order of declaration. */
  readonly values: EnumValueInfo[]
  /** The numbers that are reserved. `start` and `end` are included. */
  readonly reservedRanges: { start: number; end: number }[]
  /** The names that are reserved. */
  readonly reservedNames: string[]
  /** The value with this name, or the first with this number. */
  value(key: string | number): EnumValueInfo | undefined
}

/** A value of an enum. As in protobuf, its full name stands beside that of the enum, not within it. */
interface EnumValueInfo extends Element {
  /** The number of the value. */
  readonly number: number
  /** The enum. */
  readonly parent: EnumInfo
}

/** A service. */
interface ServiceInfo<Methods = Record<string, MethodInfo>> extends Element {
  /** Its methods by name, in the order of declaration. */
  readonly methods: Methods
}

/** A method of a service. */
interface MethodInfo<
  Request extends AnyType = Message,
  Response extends AnyType = Message,
  ClientStreaming extends boolean = boolean,
  ServerStreaming extends boolean = boolean,
> extends Element {
  /** The path by which gRPC calls it: `/package.Service/Method`. */
  readonly path: string
  /** The type of the request, as reflection shows it. */
  readonly input: MessageInfo
  /** The type of the reply, as reflection shows it. */
  readonly output: MessageInfo
  /** The object that encodes and decodes the request. */
  readonly requestType: Request
  /** The object that encodes and decodes the reply. */
  readonly responseType: Response
  /** Whether the client sends a stream: `(stream Request)`. */
  readonly clientStreaming: ClientStreaming
  /** Whether the server sends a stream: `returns (stream Response)`. */
  readonly serverStreaming: ServerStreaming
  /** What the option `idempotency_level` says about repeating a call. */
  readonly idempotency: 'unknown' | 'no-side-effects' | 'idempotent'
  /** The service. */
  readonly parent: ServiceInfo
}

/** All elements of a schema. Asking twice returns the same objects. */
interface Reflection {
  /** All files, imports before the files that import them. */
  readonly files: FileInfo[]
  /** The messages of all files, nested ones too. */
  readonly messages: MessageInfo[]
  /** The enums of all files, nested ones too. */
  readonly enums: EnumInfo[]
  /** The services of all files. */
  readonly services: ServiceInfo[]
  /** The extensions of all files, nested ones too. */
  readonly extensions: FieldInfo[]
  /** The file with this name. */
  file(name: string): FileInfo | undefined
  /** The message with this full name. */
  message(fullName: string): MessageInfo | undefined
  /** The enum with this full name. */
  enum(fullName: string): EnumInfo | undefined
  /** The service with this full name. */
  service(fullName: string): ServiceInfo | undefined
  /** The extension with this full name. */
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
   * Compiles a schema, as npm `protocol-buffers` does. `M` is the type that `ironwire pbts` wrote for it. The second
   * argument may also be the name of a text encoding, as there; it is ignored.
   *
   * @throws `IRONWIRE_PROTOBUF_SCHEMA`, with file, line and column, if the schema is wrong.
   *
   * @example
   * ```js
   * const { Person } = protobuf('message Person { required string name = 1; }')
   * Person.decode(Person.encode({ name: 'Ada' })) // { name: 'Ada' }
   * ```
   */
  <M extends object = Messages>(source: Source | null, options?: Options | string): M
  /**
   * Loads a schema from one or several files, with everything that they import, and returns its packages. Without a
   * callback it returns a promise. `R` is the type that `ironwire pbts --load` wrote: `load<typeof
   * import('./person').default>(file)`.
   *
   * @throws `IRONWIRE_PROTOBUF_SCHEMA`, with file, line and column, if the schema is wrong or a file is missing.
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
  /** The same as `load`, synchronously. */
  loadSync<R extends object = Root>(file: string | string[], options?: LoadOptions): R
  /** The same for the text of a schema. Files are read for its imports only, and only from `includePaths`. */
  parse<R extends object = Root>(source: Source, options?: ParseTextOptions): R
  /** The same for a `google.protobuf.FileDescriptorSet`, as `protoc --descriptor_set_out` and `buf build` write it. */
  parseDescriptorSet<R extends object = Root>(bytes: Uint8Array, options?: DescriptorSetOptions): R
  /**
   * The source of a module that exports everything in a root by name, and the root as its default. `from` names the
   * package that the module loads (default `'ironwire'`), `module` its kind (default `'commonjs'`).
   */
  toModule(root: object, options?: { module?: 'commonjs' | 'esm'; from?: string }): string
  /** The message with this full name (`package.Outer.Inner`) from any file of the schema. */
  lookup(messages: object, fullName: string): Message | undefined
  /**
   * Converts a binary message to ProtoJSON. No object is built in between.
   *
   * @throws `IRONWIRE_PROTOBUF_INVALID`, `IRONWIRE_PROTOBUF_UNREPRESENTABLE` if the message has no JSON form,
   * `IRONWIRE_PROTOBUF_LIMIT`.
   */
  binaryToJson(message: AnyType, buffer: Uint8Array, options?: ToJsonOptions): string
  /**
   * Converts ProtoJSON (text, or its UTF-8) to a binary message.
   *
   * @throws `IRONWIRE_PROTOBUF_JSON`, with line and column; `IRONWIRE_PROTOBUF_UTF8`, `IRONWIRE_PROTOBUF_LIMIT`.
   */
  jsonToBinary(message: AnyType, json: string | Uint8Array, options?: ParseOptions): Buffer
  /** Converts a binary message to text format. */
  binaryToText(message: AnyType, buffer: Uint8Array, options?: ToTextOptions): string
  /**
   * Converts text format to a binary message.
   *
   * @throws `IRONWIRE_PROTOBUF_TEXT`, with line and column; `IRONWIRE_PROTOBUF_UTF8`, `IRONWIRE_PROTOBUF_LIMIT`.
   */
  textToBinary(message: AnyType, text: string | Uint8Array, options?: ParseOptions): Buffer
  /** Converts an object to ProtoJSON: `message.encode`, then {@link binaryToJson}. */
  toJson<T>(message: AnyType<T>, object: T, options?: ToJsonOptions): string
  /** Reads an object from ProtoJSON: {@link jsonToBinary}, then `message.decode`. */
  fromJson<D>(message: AnyType<never, D>, json: string | Uint8Array, options?: ParseOptions): D
  /** Converts an object to text format: `message.encode`, then {@link binaryToText}. */
  toText<T>(message: AnyType<T>, object: T, options?: ToTextOptions): string
  /** Reads an object from text format: {@link textToBinary}, then `message.decode`. */
  fromText<D>(message: AnyType<never, D>, text: string | Uint8Array, options?: ParseOptions): D
  /**
   * Encodes a message behind its length, a varint, so that several can follow each other. `encodeDelimited.bytes` is
   * how many bytes both took.
   */
  encodeDelimited: {
    <T>(message: AnyType<T>, object: T, buffer?: undefined, offset?: number): Buffer
    <T, B extends Uint8Array>(message: AnyType<T>, object: T, buffer: B, offset?: number): B
    bytes: number
  }
  /**
   * Decodes the message whose length stands at `offset`. `decodeDelimited.bytes` is the distance to the next one.
   *
   * @throws `IRONWIRE_PROTOBUF_TRUNCATED` if the input ends within the message.
   */
  decodeDelimited: { <D>(message: AnyType<never, D>, buffer: Uint8Array, offset?: number): D; bytes: number }
  /**
   * The delimited messages of a stream, or of any other iterable of chunks, however they are cut.
   *
   * @throws `IRONWIRE_PROTOBUF_TRUNCATED`, `IRONWIRE_PROTOBUF_TOO_LARGE`, or what `decode` throws.
   */
  decodeStream<D>(
    message: AnyType<never, D>,
    readable: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options?: DelimitedOptions,
  ): AsyncGenerator<D, void, undefined>
  /**
   * A Transform from bytes to messages. It decodes no more than `readableHighWaterMark` (default: 16) messages ahead
   * of its reader.
   */
  DelimitedDecoder: new (
    message: AnyType,
    options?: DelimitedOptions & TransformOptions,
  ) => Transform
  /** A Transform from objects to delimited messages. */
  DelimitedEncoder: new (
    message: AnyType,
    options?: TransformOptions,
  ) => Transform
  /**
   * All files of a schema as the bytes of a `google.protobuf.FileDescriptorSet`, imports before the files that import
   * them.
   */
  toDescriptorSet(messages: object, options?: DescriptorOptions): Buffer
  /**
   * The messages of all files of a `google.protobuf.FileDescriptorSet`, as `protobuf()` makes them. Google's own
   * files may be missing from the set.
   */
  fromDescriptorSet<M extends object = Messages>(
    bytes: Uint8Array,
    options?: Omit<Options, 'filename' | 'resolveImport'>,
  ): M
  /** What the schema says about a message, or about everything. */
  reflect: { (message: AnyType<never, unknown>): MessageInfo; (messages: object): Reflection }
  /** The service with this full name: `package.Name`. */
  service<M extends object, N extends string>(messages: M, fullName: N): ServiceOf<M, N>
  /**
   * The source of a module that exports the messages of `protobuf(source)`. `encodings` names the package that the
   * module loads. Default: `'ironwire'`.
   */
  toJS(source: Source | null, options?: Options & { encodings?: string; module?: 'commonjs' | 'esm' }): string
  /** The TypeScript declarations of the messages, as `ironwire pbts` writes them. */
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
