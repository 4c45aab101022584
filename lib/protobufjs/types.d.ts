// The types of `ironwire/protobufjs` and of its smaller builds. Names and shapes are those of protobufjs, so that
// a program compiles after only its import has changed.

/**
 * A 64-bit integer as npm `long` has it. It is used if the program has that package; otherwise 64-bit integers are
 * numbers.
 */
export interface Long {
  /** The lower 32 bits. */
  low: number
  /** The upper 32 bits. */
  high: number
  /** Whether the value is unsigned. */
  unsigned: boolean
  /** The value as a number, rounded beyond 2^53. */
  toNumber(): number
  /** The value as text. */
  toString(radix?: number): string
  /** Whether both are the same value. */
  equals(other: Long | number | string): boolean
}

/** A class. */
export type Constructor<T> = Function & { new (...params: any[]): T; prototype: T }
/** The properties of a message, all optional. */
export type Properties<T> = { [P in keyof T]?: T[P] }
/** What is accepted as a 64-bit integer. */
export type LongLike = Long | number | string | { low: number; high: number; unsigned?: boolean }

/** The result of {@link parse}. */
export interface IParserResult {
  /** The package that the source declares. */
  package: string | undefined
  /** The files that it imports. */
  imports: string[] | undefined
  /** The files that it imports weakly. */
  weakImports: string[] | undefined
  /** The root to which its declarations were added. */
  root: Root
}
/** Options of {@link parse} and {@link load}. */
export interface IParseOptions {
  /** Keep the names of fields as declared. Otherwise they are converted to camel case. Default: `false`. */
  keepCase?: boolean
  /** Keep all comments. Otherwise only those that begin with three slashes or two stars. Default: `false`. */
  alternateCommentMode?: boolean
  /** Prefer the comment behind a declaration to the one above it. Default: `false`. */
  preferTrailingComment?: boolean
}
/** Options of `toJSON` of reflection objects. */
export interface IToJSONOptions {
  /** Whether to include comments. Default: `false`. */
  keepComments?: boolean
}
/** How `toObject` represents values. */
export interface IConversionOptions {
  /** 64-bit integers as `String`, `Number` or `BigInt`. Default: as they are. */
  longs?: Function
  /** Enums as `String`: their names. Default: as they are. */
  enums?: Function
  /** Bytes as `String` (base64) or `Array`. Default: as they are. */
  bytes?: Function
  /** Give unset fields their default. Default: `false`. */
  defaults?: boolean
  /** Give unset repeated fields an empty array. Default: `false`. */
  arrays?: boolean
  /** Give unset maps an empty object. Default: `false`. */
  objects?: boolean
  /** Add a property for each oneof that names its set member. Default: `false`. */
  oneofs?: boolean
  /** Convert values that JSON lacks, such as NaN, to text. Default: `false`. */
  json?: boolean
}

/** What every reflection object has in JSON. */
export interface IReflectionObject {
  options?: { [k: string]: any }
}
/** A namespace in JSON. */
export interface INamespace extends IReflectionObject {
  nested?: { [k: string]: AnyNestedObject }
}
/** Anything that a namespace contains, in JSON. */
export type AnyNestedObject = IEnum | IType | IService | AnyExtensionField | INamespace
/** An extension field, in JSON. */
export type AnyExtensionField = IExtensionField | IExtensionMapField
/** An enum in JSON. */
export interface IEnum extends IReflectionObject {
  values: { [k: string]: number }
  valuesOptions?: { [k: string]: { [k: string]: any } }
  reserved?: (number[] | string)[]
  edition?: string
  comment?: string | null
  comments?: { [k: string]: string }
}
/** A field in JSON. */
export interface IField extends IReflectionObject {
  rule?: string
  type: string
  id: number
  protoName?: string
  jsonName?: string
  comment?: string | null
}
/** An extension field in JSON. `extend` names the message that it extends. */
export interface IExtensionField extends IField {
  extend: string
}
/** A map field in JSON. */
export interface IMapField extends IField {
  keyType: string
}
/** An extension that is a map field, in JSON. */
export interface IExtensionMapField extends IMapField {
  extend: string
}
/** A method of a service in JSON. */
export interface IMethod extends IReflectionObject {
  type?: string
  requestType: string
  responseType: string
  requestStream?: boolean
  responseStream?: boolean
  comment?: string | null
  parsedOptions?: { [k: string]: any }[]
}
/** A oneof in JSON. */
export interface IOneOf extends IReflectionObject {
  oneof: string[]
  comment?: string | null
}
/** A service in JSON. */
export interface IService extends INamespace {
  methods: { [k: string]: IMethod }
  edition?: string
  comment?: string | null
}
/** A message type in JSON. */
export interface IType extends INamespace {
  fields: { [k: string]: IField | IMapField }
  oneofs?: { [k: string]: IOneOf }
  extensions?: number[][]
  reserved?: (number[] | string)[]
  group?: boolean
  edition?: string
  comment?: string | null
}

/** The base of everything that a schema contains. */
export abstract class ReflectionObject {
  static className: string
  /** The name. */
  name: string
  /** The options that are set, by name. */
  options?: { [k: string]: any }
  /** The options as the source has them, with their structure. */
  parsedOptions?: { [k: string]: any }[] | null
  /** The namespace that contains it. */
  parent: Namespace | null
  /** Whether references to other types are resolved. */
  resolved: boolean
  /** Its comment, without comment marks. */
  comment: string | null
  /** The file that declares it. */
  filename: string | null
  /** The root that contains it. */
  readonly root: Root
  /** The full name, with a leading dot. */
  readonly fullName: string
  /** Its JSON form. */
  toJSON(toJSONOptions?: IToJSONOptions): { [k: string]: any }
  /** Called when it is added to a parent. */
  onAdd(parent: ReflectionObject): void
  /** Called when it is removed from its parent. */
  onRemove(parent: ReflectionObject): void
  /** Resolves its references to other types. */
  resolve(): this
  /** The value of an option. */
  getOption(name: string): any
  /** Sets an option. */
  setOption(name: string, value: any, ifNotSet?: boolean): this
  /** Sets an option in `parsedOptions`. */
  setParsedOption(name: string, value: any, propName?: string): this
  /** Sets several options. */
  setOptions(options: { [k: string]: any }, ifNotSet?: boolean): this
  /** Its class and full name. */
  toString(): string
}

/** The base of everything that contains other objects. */
export abstract class NamespaceBase extends ReflectionObject {
  /** What it contains, by name. */
  nested?: { [k: string]: ReflectionObject }
  /** What it contains. */
  readonly nestedArray: ReflectionObject[]
  /** Adds objects from their JSON form. */
  addJSON(nestedJson: { [k: string]: AnyNestedObject } | undefined, depth?: number): this
  /** The object with this name, or `null`. */
  get(name: string): ReflectionObject | null
  /** The values of the enum with this name. Throws if there is none. */
  getEnum(name: string): { [k: string]: number }
  /** Adds an object. */
  add(object: ReflectionObject): this
  /** Removes an object. */
  remove(object: ReflectionObject): this
  /** Finds or creates the namespace with this path. */
  define(path: string | string[], json?: any): Namespace
  /** Resolves the references of everything in it. */
  resolveAll(): this
  /** Finds an object by its path, here or in a namespace around it. Returns `null` if there is none. */
  lookup(path: string | string[], filterTypes: any | any[], parentAlreadyChecked?: boolean): ReflectionObject | null
  lookup(path: string | string[], parentAlreadyChecked?: boolean): ReflectionObject | null
  /** Finds a message type. Throws if there is none. */
  lookupType(path: string | string[]): Type
  /** Finds an enum. Throws if there is none. */
  lookupEnum(path: string | string[]): Enum
  /** Finds a message type or an enum. Throws if there is none. */
  lookupTypeOrEnum(path: string | string[]): Type | Enum
  /** Finds a service. Throws if there is none. */
  lookupService(path: string | string[]): Service
}

/** A namespace: a package, or a place for other objects. */
export class Namespace extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  /** Makes a namespace from its JSON form. */
  static fromJSON(name: string, json: { [k: string]: any }, depth?: number): Namespace
  /** The JSON forms of several objects, by name. */
  static arrayToJSON(
    array: ReflectionObject[] | null | undefined,
    options?: IToJSONOptions,
  ): { [k: string]: any } | undefined
  /** Whether a field number is reserved. */
  static isReservedId(reserved: (number[] | string)[] | undefined, id: number): boolean
  /** Whether a field name is reserved. */
  static isReservedName(reserved: (number[] | string)[] | undefined, name: string): boolean
}

/** Called when a schema was loaded. */
export type LoadCallback = (error: Error | null, root?: Root) => void
/** Called with the content of a file. */
export type FetchCallback = (error: Error | null, contents?: string) => void

/** The root of a schema: all its packages. Extensions whose message is not known yet wait in `deferred`. */
export class Root extends NamespaceBase {
  constructor(options?: { [k: string]: any })
  /** Makes a root from its JSON form. */
  static fromJSON(json: INamespace, root?: Root, depth?: number): Root
  /** Extension fields whose message is not known yet. */
  deferred: Field[]
  /** The files that were loaded. */
  files: string[]
  /** The path of an imported file. Replace it to search elsewhere; return `null` to skip the file. */
  resolvePath(origin: string, target: string): string | null
  /** Reads a file. Replace it to read from elsewhere. */
  fetch(path: string, callback: FetchCallback): void
  /** Loads files with everything that they import. Without a callback it returns a promise. */
  load(filename: string | string[], options: IParseOptions | undefined, callback: LoadCallback): void
  load(filename: string | string[], callback: LoadCallback): void
  load(filename: string | string[], options?: IParseOptions): Promise<Root>
  /** Loads files with everything that they import, synchronously. */
  loadSync(filename: string | string[], options?: IParseOptions): Root
}

/** An enum. */
export class Enum extends ReflectionObject {
  constructor(
    name: string,
    values?: { [k: string]: number },
    options?: { [k: string]: any },
    comment?: string,
    comments?: { [k: string]: string },
    valuesOptions?: { [k: string]: { [k: string]: any } },
  )
  /** Makes an enum from its JSON form. */
  static fromJSON(name: string, json: IEnum): Enum
  /** The names by number. */
  valuesById: { [k: number]: string }
  /** The numbers by name. */
  values: { [k: string]: number }
  /** The comments of the values, by name. */
  comments: { [k: string]: string | null }
  /** The options of the values, by name. */
  valuesOptions?: { [k: string]: { [k: string]: any } }
  /** The reserved numbers and names. */
  reserved?: (number[] | string)[]
  visibility?: string
  /** Adds a value. */
  add(name: string, id: number, comment?: string | null, options?: { [k: string]: any }): this
  /** Removes a value. */
  remove(name: string): this
  /** Whether a number is reserved. */
  isReservedId(id: number): boolean
  /** Whether a name is reserved. */
  isReservedName(name: string): boolean
}

/** What all fields have. */
export abstract class FieldBase extends ReflectionObject {
  /** `'required'`, `'optional'` or `'repeated'`. */
  rule?: string
  /** The name of the type. */
  type: string
  /** The field number. */
  id: number
  /** For an extension: the message that it extends. */
  extend?: string
  /** Whether it is required. */
  readonly required: boolean
  /** Whether it is optional. */
  readonly optional: boolean
  /** Whether it is repeated. */
  repeated: boolean
  /** Whether it is a map. */
  map: boolean
  /** The message that has the field. */
  message: Type | null
  /** The oneof that it belongs to. */
  partOf: OneOf | null
  /** The default of its type. */
  typeDefault: any
  /** Its default on the prototype of messages. */
  defaultValue: any
  /** Whether it is a 64-bit integer. */
  long: boolean
  /** Whether it is of type `bytes`. */
  bytes: boolean
  /** The message type or enum, once resolved. */
  resolvedType: Type | Enum | null
  /** For the field that an extension adds to a message: the extension. */
  extensionField: Field | null
  /** For an extension: the field that it adds to a message. */
  declaringField: Field | null
  /** The name as declared. */
  protoName?: string
  /** The key in JSON. */
  jsonName?: string
  /** Whether it is encoded as a group. */
  readonly delimited: boolean
  /** Whether it is encoded as one run of values. */
  readonly packed: boolean
  /** Whether an unset field differs from its default. */
  readonly hasPresence: boolean
}

/** The decorator that {@link Field.d} returns. */
export type FieldDecorator = (prototype: object, fieldName: string) => void
/** The decorator that {@link Type.d} returns. */
export type TypeDecorator<T extends Message<T>> = (target: Constructor<T>) => void
/** The decorator that {@link OneOf.d} returns. */
export type OneOfDecorator = (prototype: object, oneofName: string) => void

/** A field of a message. */
export class Field extends FieldBase {
  constructor(
    name: string,
    id: number,
    type: string,
    rule?: string | { [k: string]: any },
    extend?: string | { [k: string]: any },
    options?: { [k: string]: any },
    comment?: string,
  )
  /** Makes a field from its JSON form. */
  static fromJSON(name: string, json: IField): Field
  /** A decorator that declares a property as a field. */
  static d<T extends Message<T> = any>(
    fieldId: number,
    fieldType: string | Constructor<T> | object,
    fieldRule?: 'optional' | 'required' | 'repeated',
    defaultValue?: any,
  ): FieldDecorator
}

/** A map field. */
export class MapField extends FieldBase {
  constructor(name: string, id: number, keyType: string, type: string, options?: { [k: string]: any }, comment?: string)
  /** Makes a map field from its JSON form. */
  static fromJSON(name: string, json: IMapField): MapField
  /** A decorator that declares a property as a map field. */
  static d(fieldId: number, fieldKeyType: string, fieldValueType: string | Constructor<any> | object): FieldDecorator
  /** The type of the keys. */
  keyType: string
  /** The resolved type of the keys, if it is not a scalar. */
  resolvedKeyType: ReflectionObject | null
}

/** A oneof. */
export class OneOf extends ReflectionObject {
  constructor(
    name: string,
    fieldNames?: string[] | { [k: string]: any },
    options?: { [k: string]: any },
    comment?: string,
  )
  /** Makes a oneof from its JSON form. */
  static fromJSON(name: string, json: IOneOf): OneOf
  /** A decorator that declares a property as a oneof. */
  static d(...fieldNames: string[]): OneOfDecorator
  /** The names of its members. */
  oneof: string[]
  /** Its members. */
  readonly fieldsArray: Field[]
  /** Whether it only represents one proto3 `optional` field. */
  readonly isProto3Optional: boolean
  /** Adds a field. */
  add(field: Field): this
  /** Removes a field. */
  remove(field: Field): this
}

/** The base class of messages. */
export class Message<T extends object = object> {
  constructor(properties?: Properties<T>)
  /** The reflected type of this class. */
  static readonly $type: Type
  /** The reflected type of this message. */
  readonly $type: Type
  /** Creates a message with these properties. */
  static create<T extends Message<T>>(this: Constructor<T>, properties?: { [k: string]: any }): T
  /** Encodes a message. Call `finish()` on the result for its bytes. */
  static encode<T extends Message<T>>(this: Constructor<T>, message: T | { [k: string]: any }, writer?: Writer): Writer
  /** Encodes a message behind its length, a varint. */
  static encodeDelimited<T extends Message<T>>(
    this: Constructor<T>,
    message: T | { [k: string]: any },
    writer?: Writer,
  ): Writer
  /** Decodes a message. Throws if the bytes are not such a message. */
  static decode<T extends Message<T>>(this: Constructor<T>, reader: Reader | Uint8Array): T
  /** Decodes a message behind its length. */
  static decodeDelimited<T extends Message<T>>(this: Constructor<T>, reader: Reader | Uint8Array): T
  /** Checks whether an object can be encoded. Returns what is wrong, or `null`. */
  static verify(message: { [k: string]: any }): string | null
  /** Converts a plain object to a message, converting values where needed. */
  static fromObject<T extends Message<T>>(this: Constructor<T>, object: { [k: string]: any }): T
  /** Converts a message to a plain object. */
  static toObject<T extends Message<T>>(
    this: Constructor<T>,
    message: T,
    options?: IConversionOptions,
  ): { [k: string]: any }
  /** Converts the message to a plain object for JSON. */
  toJSON(): { [k: string]: any }
}

/** A message type. */
export class Type extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  /** Makes a message type from its JSON form. */
  static fromJSON(name: string, json: IType, depth?: number): Type
  /** A decorator that declares a class as a message type. */
  static d<T extends Message<T> = any>(typeName?: string): TypeDecorator<T>
  /** Its fields by name. */
  fields: { [k: string]: Field }
  /** Its oneofs by name. */
  oneofs?: { [k: string]: OneOf }
  /** The field numbers set aside for extensions. */
  extensions?: number[][]
  /** The reserved field numbers and names. */
  reserved?: (number[] | string)[]
  /** Whether it was declared as a group. */
  group?: boolean
  visibility?: string
  /** Its fields by number. */
  readonly fieldsById: { [k: number]: Field }
  /** Its fields. */
  readonly fieldsArray: Field[]
  /** Its oneofs. */
  readonly oneofsArray: OneOf[]
  /** The class of its messages. You may set your own. */
  ctor: Constructor<{}>
  /** Whether a field number is reserved. */
  isReservedId(id: number): boolean
  /** Whether a field name is reserved. */
  isReservedName(name: string): boolean
  /** Creates a message with these properties. */
  create(properties?: { [k: string]: any }): Message<{}>
  /** Prepares `encode`, `decode` and the others. Called on first use. */
  setup(): this
  /** Encodes a message. Call `finish()` on the result for its bytes. */
  encode(message: Message<{}> | { [k: string]: any }, writer?: Writer): Writer
  /** Encodes a message behind its length, a varint. */
  encodeDelimited(message: Message<{}> | { [k: string]: any }, writer?: Writer): Writer
  /** Decodes a message. Throws if the bytes are not such a message. */
  decode(reader: Reader | Uint8Array, length?: number): Message<{}>
  /** Decodes a message behind its length. */
  decodeDelimited(reader: Reader | Uint8Array): Message<{}>
  /** Checks whether an object can be encoded. Returns what is wrong, or `null`. */
  verify(message: { [k: string]: any }): string | null
  /** Converts a plain object to a message, converting values where needed. */
  fromObject(object: { [k: string]: any }): Message<{}>
  /** Converts a message to a plain object. */
  toObject(message: Message<{}>, options?: IConversionOptions): { [k: string]: any }
  /** The URL of the type for `google.protobuf.Any`. The prefix is `type.googleapis.com` by default. */
  getTypeUrl(prefix?: string): string
}

/** A method of a service. */
export class Method extends ReflectionObject {
  constructor(
    name: string,
    type: string | undefined,
    requestType: string,
    responseType: string,
    requestStream?: boolean | { [k: string]: any },
    responseStream?: boolean | { [k: string]: any },
    options?: { [k: string]: any },
    comment?: string | null,
    parsedOptions?: { [k: string]: any }[],
  )
  /** Makes a method from its JSON form. */
  static fromJSON(name: string, json: IMethod): Method
  type: string
  /** The name of the request's type. */
  requestType: string
  /** Whether the client sends a stream. */
  requestStream?: boolean
  /** The name of the response's type. */
  responseType: string
  /** Whether the server sends a stream. */
  responseStream?: boolean
  /** The path by which gRPC calls it: `/package.Service/Method`. */
  path: string
  /** The type of the request, once resolved. */
  resolvedRequestType: Type | null
  /** The type of the response, once resolved. */
  resolvedResponseType: Type | null
}

/** A service. */
export class Service extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  /** Makes a service from its JSON form. */
  static fromJSON(name: string, json: IService, depth?: number): Service
  /** Its methods by name. */
  methods: { [k: string]: Method }
  /** Its methods. */
  readonly methodsArray: Method[]
  /** Creates a client whose calls go through `rpcImpl`. */
  create(rpcImpl: RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean): rpc.Service
}

/** Called by an {@link RPCImpl} with the bytes of a response; `null` ends the service. */
export type RPCImplCallback = (error: Error | null, response?: Uint8Array | null) => void
/** A function of yours that carries a call: it sends `requestData` and calls back with the response. */
export type RPCImpl = (
  method: Method | rpc.ServiceMethod<any, any>,
  requestData: Uint8Array,
  callback: RPCImplCallback,
) => void

/** Clients of services. */
export namespace rpc {
  /** Called with the response of a call. */
  type ServiceMethodCallback<TRes> = (error: Error | null, response?: TRes) => void
  /** A method of a client. Without a callback it returns a promise. */
  type ServiceMethod<TReq, TRes> = (
    request: TReq | Properties<TReq>,
    callback?: ServiceMethodCallback<TRes>,
  ) => Promise<Message<any>>
  /** A client of a service. Emits `'data'`, `'error'`, `'status'` and `'end'`. */
  class Service extends util.EventEmitter {
    constructor(rpcImpl: RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean)
    /** What carries the calls; `null` when the client has ended. */
    rpcImpl: RPCImpl | null
    /** Whether requests stand behind their length. */
    requestDelimited: boolean
    /** Whether responses stand behind their length. */
    responseDelimited: boolean
    /** Makes a call. */
    rpcCall<TReq, TRes>(
      method: Method | ServiceMethod<TReq, TRes>,
      requestCtor: Constructor<any>,
      responseCtor: Constructor<any>,
      request: TReq | Properties<TReq>,
      callback?: ServiceMethodCallback<TRes>,
    ): any
    /** Ends the client. */
    end(endedByRPC?: boolean): this
  }
}

/** Reads the values of the wire format from bytes. Throws a `RangeError` at the end of the bytes. */
export class Reader {
  constructor(buffer: Uint8Array)
  /** Creates a reader. */
  static create(buffer: Uint8Array | number[]): Reader
  /** How deep messages may nest. */
  static recursionLimit: number
  /** Whether new readers discard fields that the schema does not know. */
  static discardUnknown: boolean
  /** The bytes. */
  buf: Uint8Array
  /** The position of the next value. */
  pos: number
  /** Where the bytes end. */
  len: number
  /** Whether fields that the schema does not know are discarded. */
  discardUnknown: boolean
  /** The bytes from `start` to `end`. */
  raw(start: number, end: number): Uint8Array
  /** Reads a tag: field number and wire type. */
  tag(): number
  /** Reads a length. */
  size(): number
  /** Reads an unsigned 32-bit integer as a varint. */
  uint32(): number
  /** Reads a 32-bit integer as a varint. */
  int32(): number
  /** Reads a 32-bit integer as a zigzag varint. */
  sint32(): number
  /** Reads a 64-bit integer as a varint. */
  int64(): Long
  /** Reads an unsigned 64-bit integer as a varint. */
  uint64(): Long
  /** Reads a 64-bit integer as a zigzag varint. */
  sint64(): Long
  /** Reads a boolean. */
  bool(): boolean
  /** Reads an unsigned 32-bit integer in four bytes. */
  fixed32(): number
  /** Reads a 32-bit integer in four bytes. */
  sfixed32(): number
  /** Reads an unsigned 64-bit integer in eight bytes. */
  fixed64(): Long
  /** Reads a 64-bit integer in eight bytes. */
  sfixed64(): Long
  /** Reads a 32-bit float. */
  float(): number
  /** Reads a 64-bit float. */
  double(): number
  /** Reads bytes behind their length. */
  bytes(): Uint8Array
  /** Reads text as UTF-8 behind its length. */
  string(): string
  /** Reads text as UTF-8 behind its length. Throws if it is not valid. */
  stringVerify(): string
  /** Reads a packed field of `uint32`; adds the values to `array` if it is given. */
  uint32s(array?: number[]): number[]
  /** Reads a packed field of `int32`; adds the values to `array` if it is given. */
  int32s(array?: number[]): number[]
  /** Reads a packed field of `sint32`; adds the values to `array` if it is given. */
  sint32s(array?: number[]): number[]
  /** Reads a packed field of `uint64`; adds the values to `array` if it is given. */
  uint64s(array?: LongLike[]): LongLike[]
  /** Reads a packed field of `int64`; adds the values to `array` if it is given. */
  int64s(array?: LongLike[]): LongLike[]
  /** Reads a packed field of `sint64`; adds the values to `array` if it is given. */
  sint64s(array?: LongLike[]): LongLike[]
  /** Reads a packed field of `bool`; adds the values to `array` if it is given. */
  bools(array?: boolean[]): boolean[]
  /** Reads a packed field of `fixed32`; adds the values to `array` if it is given. */
  fixed32s(array?: number[]): number[]
  /** Reads a packed field of `sfixed32`; adds the values to `array` if it is given. */
  sfixed32s(array?: number[]): number[]
  /** Reads a packed field of `fixed64`; adds the values to `array` if it is given. */
  fixed64s(array?: LongLike[]): LongLike[]
  /** Reads a packed field of `sfixed64`; adds the values to `array` if it is given. */
  sfixed64s(array?: LongLike[]): LongLike[]
  /** Reads a packed field of `float`; adds the values to `array` if it is given. */
  floats(array?: number[]): number[]
  /** Reads a packed field of `double`; adds the values to `array` if it is given. */
  doubles(array?: number[]): number[]
  /** Skips some bytes, or without `length` a varint. */
  skip(length?: number): this
  /** Skips a value of a wire type. */
  skipType(wireType: number, depth?: number, fieldNumber?: number): this
}
/** A reader that returns Buffers. */
export class BufferReader extends Reader {
  constructor(buffer: Buffer)
}

/** Writes the values of the wire format. Call `finish()` for the bytes. */
export class Writer {
  constructor()
  /** Creates a writer. */
  static create(): Writer
  /** Allocates bytes. */
  static alloc(size: number): Uint8Array
  /** How many bytes a writer allocates at first. */
  static initialBufferSize: number
  /** How many bytes were written. */
  readonly len: number
  /** Writes an unsigned 32-bit integer as a varint. */
  uint32(value: number): this
  /** Writes a 32-bit integer as a varint. */
  int32(value: number): this
  /** Writes a 32-bit integer as a zigzag varint. */
  sint32(value: number): this
  /** Writes an unsigned 64-bit integer as a varint. */
  uint64(value: LongLike): this
  /** Writes a 64-bit integer as a varint. */
  int64(value: LongLike): this
  /** Writes a 64-bit integer as a zigzag varint. */
  sint64(value: LongLike): this
  /** Writes a boolean. */
  bool(value: boolean): this
  /** Writes an unsigned 32-bit integer in four bytes. */
  fixed32(value: number): this
  /** Writes a 32-bit integer in four bytes. */
  sfixed32(value: number): this
  /** Writes an unsigned 64-bit integer in eight bytes. */
  fixed64(value: LongLike): this
  /** Writes a 64-bit integer in eight bytes. */
  sfixed64(value: LongLike): this
  /** Writes a 32-bit float. */
  float(value: number): this
  /** Writes a 64-bit float. */
  double(value: number): this
  /** Writes bytes behind their length. */
  bytes(value: Uint8Array | string): this
  /** Writes bytes without their length. */
  raw(value: Uint8Array): this
  /** Writes text as UTF-8 behind its length. */
  string(value: string): this
  /** Writes a packed field of `uint32`. */
  uint32s(value: number[]): this
  /** Writes a packed field of `int32`. */
  int32s(value: number[]): this
  /** Writes a packed field of `sint32`. */
  sint32s(value: number[]): this
  /** Writes a packed field of `uint64`. */
  uint64s(value: LongLike[]): this
  /** Writes a packed field of `int64`. */
  int64s(value: LongLike[]): this
  /** Writes a packed field of `sint64`. */
  sint64s(value: LongLike[]): this
  /** Writes a packed field of `bool`. */
  bools(value: boolean[]): this
  /** Writes a packed field of `fixed32`. */
  fixed32s(value: number[]): this
  /** Writes a packed field of `sfixed32`. */
  sfixed32s(value: number[]): this
  /** Writes a packed field of `fixed64`. */
  fixed64s(value: LongLike[]): this
  /** Writes a packed field of `sfixed64`. */
  sfixed64s(value: LongLike[]): this
  /** Writes a packed field of `float`. */
  floats(value: number[]): this
  /** Writes a packed field of `double`. */
  doubles(value: number[]): this
  /** Begins a part whose length is not known yet. `ldelim()` ends it. */
  fork(): this
  /** Drops the current part, or everything. */
  reset(): this
  /** Ends the part that `fork()` began, and writes its length in front of it. */
  ldelim(): this
  /** The bytes that were written. */
  finish(shared?: boolean): Uint8Array
  /** Copies the bytes that were written into `buffer` at `offset`. */
  finishInto(buffer: Uint8Array, offset?: number): Uint8Array
}
/** A writer whose `finish()` returns a Buffer. */
export class BufferWriter extends Writer {
  finish(shared?: boolean): Buffer
}

/** The utilities of protobufjs. */
export namespace util {
  /** A small event emitter. */
  class EventEmitter {
    constructor()
    on(evt: string, fn: (...args: any[]) => void, ctx?: any): this
    off(evt?: string, fn?: (...args: any[]) => void): this
    emit(evt: string, ...args: any[]): this
  }
  /** The two halves of a 64-bit integer. */
  class LongBits {
    constructor(lo: number, hi: number)
    lo: number
    hi: number
    static zero: LongBits
    static zeroHash: string
    static fromNumber(value: number): LongBits
    static from(value: LongLike): LongBits
    static fromHash(hash: string): LongBits
    toNumber(unsigned?: boolean): number
    toLong(unsigned?: boolean): Long
    toHash(): string
    zzEncode(): this
    zzDecode(): this
    length(): number
  }
  /** The error of a message that lacks required fields. `instance` is the message as far as it was decoded. */
  class ProtocolError<T extends Message<T> = any> extends Error {
    constructor(message: string, properties?: { [k: string]: any })
    instance: Message<T>
  }
  /** The class of npm `long`, or `null` if the program does not have it. After setting it, call `configure()`. */
  let Long: any
  let Buffer: any
  let recursionLimit: number
  let nestingLimit: number
  let decorateRoot: Root
  const isNode: boolean
  const global: object
  const emptyArray: any[]
  const emptyObject: object
  const fs: any
  const path: {
    isAbsolute(path: string): boolean
    normalize(path: string): string
    resolve(originPath: string, includePath: string, alreadyNormalized?: boolean): string
  }
  const base64: {
    length(text: string): number
    encode(buffer: Uint8Array, start: number, end: number): string
    decode(text: string, buffer: Uint8Array, offset: number): number
    test(text: string): boolean
  }
  const utf8: {
    length(text: string): number
    read(buffer: Uint8Array, start: number, end: number): string
    readStrict(buffer: Uint8Array, start: number, end: number): string
    write(text: string, buffer: Uint8Array, offset: number): number
  }
  const float: { [name: string]: (...args: any[]) => any }
  const toJSONOptions: IConversionOptions
  function asPromise(fn: (...args: any[]) => void, ctx: any, ...params: any[]): Promise<any>
  function codegen(functionParams?: string[], functionName?: string): any
  function fetch(filename: string, options?: { binary?: boolean; xhr?: boolean }): Promise<string | Uint8Array>
  function fetch(filename: string, callback: FetchCallback): void
  function pool(alloc: (size: number) => Uint8Array, slice: Function, size?: number): (size: number) => Uint8Array
  function isInteger(value: any): boolean
  function isString(value: any): boolean
  function isObject(value: any): boolean
  function isSet(object: object, prop: string): boolean
  function isset(object: object, prop: string): boolean
  function newBuffer(sizeOrArray: number | number[]): Uint8Array
  function rawField(id: number, wireType: number, data: Uint8Array): Uint8Array
  function longToHash(value: LongLike): string
  function longFromHash(hash: string, unsigned?: boolean): Long | number
  function merge(dst: { [k: string]: any }, ...rest: any[]): { [k: string]: any }
  function makeProp(object: object, key: string, enumerable?: boolean): void
  function newError(name: string): Constructor<Error>
  function oneOfGetter(fieldNames: string[]): () => string | undefined
  function oneOfSetter(fieldNames: string[]): (value: string | undefined) => void
  function toArray(object: { [k: string]: any } | undefined): any[]
  function toObject(array: any[]): { [k: string]: any }
  function isReserved(name: string): boolean
  function safeProp(prop: string): string
  function lcFirst(text: string): string
  function ucFirst(text: string): string
  function camelCase(text: string): string
  function jsonName(text: string): string
  function compareFieldsById(a: Field, b: Field): number
  function decorateType<T extends Message<T>>(ctor: Constructor<T>, typeName?: string): Type
  function decorateEnum(object: object): Enum
  function setProperty(dst: { [k: string]: any }, path: string, value: object, ifNotSet?: boolean): { [k: string]: any }
}

/** The scalar types: their wire types, their defaults, and which of them are 64-bit, map keys or packable. */
export const types: {
  basic: { [type: string]: number }
  defaults: { [type: string]: any }
  long: { [type: string]: number }
  mapKey: { [type: string]: number }
  packed: { [type: string]: number }
}
/** Roots by name, for generated static code. */
export const roots: { [name: string]: Root }
/** How a well-known type is converted from and to plain objects. */
export interface IWrapper {
  fromObject(this: Type, object: { [k: string]: any }): Message<{}>
  toObject(this: Type, message: Message<{}>, options?: IConversionOptions): { [k: string]: any }
}
/** The wrappers by the full names of their types. Only `.google.protobuf.Any` has one. */
export const wrappers: { [name: string]: IWrapper }
/** Which build this is: `'full'`, `'light'` or `'minimal'`. */
export const build: string
/** Applies changes of `util.Long` and `util.Buffer`. */
export function configure(): void
/**
 * Loads files with everything that they import into a new root, or into `root`. Without a callback it returns a
 * promise.
 */
export function load(filename: string | string[], root: Root | undefined, callback: LoadCallback): void
export function load(filename: string | string[], callback: LoadCallback): void
export function load(filename: string | string[], root?: Root): Promise<Root>
/** Loads files with everything that they import, synchronously. */
export function loadSync(filename: string | string[], root?: Root): Root
/** Parses the text of a schema. Imports are listed, not loaded. */
export function parse(source: string, options?: IParseOptions): IParserResult
export function parse(source: string, root: Root, options?: IParseOptions): IParserResult
/** State of the parser. */
export namespace parse {
  /** The name of the file that is being parsed, for errors. */
  let filename: string | null
  /** The options that are used when none are given. */
  let defaults: IParseOptions
}
/** Reads the tokens of a schema. */
export interface ITokenizerHandle {
  /** Takes the next token; `null` at the end. */
  next(): string | null
  /** Looks at the next token. */
  peek(): string | null
  /** Puts a token back. */
  push(token: string): void
  /** Skips the next token if it is `expected`. Throws if it is not and not `optional`. */
  skip(expected: string, optional?: boolean): boolean
  /** The comment above or behind a declaration. */
  cmnt(trailingLine?: number): string | null
  /** The number of the current line, from 1. */
  readonly line: number
}
/** Reads the tokens of a schema. */
export function tokenize(source: string, alternateCommentMode?: boolean): ITokenizerHandle
/** Functions of the tokenizer. */
export namespace tokenize {
  /** Replaces the escape sequences of a string. */
  function unescape(text: string): string
}
/** Adds a file to those that can be imported without loading them, such as `google/protobuf/any.proto`. */
export function common(name: string, json: { [k: string]: any }): void
/** Files that can be imported without loading them. */
export namespace common {
  /** One of these files in JSON, or `null`. */
  function get(file: string): INamespace | null
}
