// The types of `ironwire/protobufjs` and of its smaller faces. Names and shapes are protobufjs's, so that programs compile with the import
// changed.

/** A class of npm `long`, where the program has it. */
export interface Long {
  low: number
  high: number
  unsigned: boolean
  toNumber(): number
  toString(radix?: number): string
  equals(other: Long | number | string): boolean
}

export type Constructor<T> = Function & { new (...params: any[]): T; prototype: T }
export type Properties<T> = { [P in keyof T]?: T[P] }
export type LongLike = Long | number | string | { low: number; high: number; unsigned?: boolean }

export interface IParserResult {
  package: string | undefined
  imports: string[] | undefined
  weakImports: string[] | undefined
  root: Root
}
export interface IParseOptions {
  /** Names stay as they are in the source; otherwise they are in camel case. */
  keepCase?: boolean
  /** All comments are kept, not only those with a third slash or a second star. */
  alternateCommentMode?: boolean
  /** The comment behind a declaration counts before the one above it. */
  preferTrailingComment?: boolean
}
export interface IToJSONOptions {
  keepComments?: boolean
}
/** What `toObject` makes of a message. */
export interface IConversionOptions {
  longs?: Function
  enums?: Function
  bytes?: Function
  defaults?: boolean
  arrays?: boolean
  objects?: boolean
  oneofs?: boolean
  json?: boolean
}

export interface IReflectionObject {
  options?: { [k: string]: any }
}
export interface INamespace extends IReflectionObject {
  nested?: { [k: string]: AnyNestedObject }
}
export type AnyNestedObject = IEnum | IType | IService | AnyExtensionField | INamespace
export type AnyExtensionField = IExtensionField | IExtensionMapField
export interface IEnum extends IReflectionObject {
  values: { [k: string]: number }
  valuesOptions?: { [k: string]: { [k: string]: any } }
  reserved?: (number[] | string)[]
  edition?: string
  comment?: string | null
  comments?: { [k: string]: string }
}
export interface IField extends IReflectionObject {
  rule?: string
  type: string
  id: number
  protoName?: string
  jsonName?: string
  comment?: string | null
}
export interface IExtensionField extends IField {
  extend: string
}
export interface IMapField extends IField {
  keyType: string
}
export interface IExtensionMapField extends IMapField {
  extend: string
}
export interface IMethod extends IReflectionObject {
  type?: string
  requestType: string
  responseType: string
  requestStream?: boolean
  responseStream?: boolean
  comment?: string | null
  parsedOptions?: { [k: string]: any }[]
}
export interface IOneOf extends IReflectionObject {
  oneof: string[]
  comment?: string | null
}
export interface IService extends INamespace {
  methods: { [k: string]: IMethod }
  edition?: string
  comment?: string | null
}
export interface IType extends INamespace {
  fields: { [k: string]: IField | IMapField }
  oneofs?: { [k: string]: IOneOf }
  extensions?: number[][]
  reserved?: (number[] | string)[]
  group?: boolean
  edition?: string
  comment?: string | null
}

export abstract class ReflectionObject {
  static className: string
  name: string
  options?: { [k: string]: any }
  parsedOptions?: { [k: string]: any }[] | null
  parent: Namespace | null
  resolved: boolean
  comment: string | null
  filename: string | null
  readonly root: Root
  readonly fullName: string
  toJSON(toJSONOptions?: IToJSONOptions): { [k: string]: any }
  onAdd(parent: ReflectionObject): void
  onRemove(parent: ReflectionObject): void
  resolve(): this
  getOption(name: string): any
  setOption(name: string, value: any, ifNotSet?: boolean): this
  setParsedOption(name: string, value: any, propName?: string): this
  setOptions(options: { [k: string]: any }, ifNotSet?: boolean): this
  toString(): string
}

export abstract class NamespaceBase extends ReflectionObject {
  nested?: { [k: string]: ReflectionObject }
  readonly nestedArray: ReflectionObject[]
  addJSON(nestedJson: { [k: string]: AnyNestedObject } | undefined, depth?: number): this
  get(name: string): ReflectionObject | null
  getEnum(name: string): { [k: string]: number }
  add(object: ReflectionObject): this
  remove(object: ReflectionObject): this
  define(path: string | string[], json?: any): Namespace
  resolveAll(): this
  lookup(path: string | string[], filterTypes: any | any[], parentAlreadyChecked?: boolean): ReflectionObject | null
  lookup(path: string | string[], parentAlreadyChecked?: boolean): ReflectionObject | null
  lookupType(path: string | string[]): Type
  lookupEnum(path: string | string[]): Enum
  lookupTypeOrEnum(path: string | string[]): Type | Enum
  lookupService(path: string | string[]): Service
}

export class Namespace extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  static fromJSON(name: string, json: { [k: string]: any }, depth?: number): Namespace
  static arrayToJSON(
    array: ReflectionObject[] | null | undefined,
    options?: IToJSONOptions,
  ): { [k: string]: any } | undefined
  static isReservedId(reserved: (number[] | string)[] | undefined, id: number): boolean
  static isReservedName(reserved: (number[] | string)[] | undefined, name: string): boolean
}

export type LoadCallback = (error: Error | null, root?: Root) => void
export type FetchCallback = (error: Error | null, contents?: string) => void

export class Root extends NamespaceBase {
  constructor(options?: { [k: string]: any })
  static fromJSON(json: INamespace, root?: Root, depth?: number): Root
  deferred: Field[]
  files: string[]
  resolvePath(origin: string, target: string): string | null
  fetch(path: string, callback: FetchCallback): void
  load(filename: string | string[], options: IParseOptions | undefined, callback: LoadCallback): void
  load(filename: string | string[], callback: LoadCallback): void
  load(filename: string | string[], options?: IParseOptions): Promise<Root>
  loadSync(filename: string | string[], options?: IParseOptions): Root
}

export class Enum extends ReflectionObject {
  constructor(
    name: string,
    values?: { [k: string]: number },
    options?: { [k: string]: any },
    comment?: string,
    comments?: { [k: string]: string },
    valuesOptions?: { [k: string]: { [k: string]: any } },
  )
  static fromJSON(name: string, json: IEnum): Enum
  valuesById: { [k: number]: string }
  values: { [k: string]: number }
  comments: { [k: string]: string | null }
  valuesOptions?: { [k: string]: { [k: string]: any } }
  reserved?: (number[] | string)[]
  visibility?: string
  add(name: string, id: number, comment?: string | null, options?: { [k: string]: any }): this
  remove(name: string): this
  isReservedId(id: number): boolean
  isReservedName(name: string): boolean
}

export abstract class FieldBase extends ReflectionObject {
  rule?: string
  type: string
  id: number
  extend?: string
  readonly required: boolean
  readonly optional: boolean
  repeated: boolean
  map: boolean
  message: Type | null
  partOf: OneOf | null
  typeDefault: any
  defaultValue: any
  long: boolean
  bytes: boolean
  resolvedType: Type | Enum | null
  extensionField: Field | null
  declaringField: Field | null
  protoName?: string
  jsonName?: string
  readonly delimited: boolean
  readonly packed: boolean
  readonly hasPresence: boolean
}

export type FieldDecorator = (prototype: object, fieldName: string) => void
export type TypeDecorator<T extends Message<T>> = (target: Constructor<T>) => void
export type OneOfDecorator = (prototype: object, oneofName: string) => void

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
  static fromJSON(name: string, json: IField): Field
  static d<T extends Message<T> = any>(
    fieldId: number,
    fieldType: string | Constructor<T> | object,
    fieldRule?: 'optional' | 'required' | 'repeated',
    defaultValue?: any,
  ): FieldDecorator
}

export class MapField extends FieldBase {
  constructor(name: string, id: number, keyType: string, type: string, options?: { [k: string]: any }, comment?: string)
  static fromJSON(name: string, json: IMapField): MapField
  static d(fieldId: number, fieldKeyType: string, fieldValueType: string | Constructor<any> | object): FieldDecorator
  keyType: string
  resolvedKeyType: ReflectionObject | null
}

export class OneOf extends ReflectionObject {
  constructor(
    name: string,
    fieldNames?: string[] | { [k: string]: any },
    options?: { [k: string]: any },
    comment?: string,
  )
  static fromJSON(name: string, json: IOneOf): OneOf
  static d(...fieldNames: string[]): OneOfDecorator
  oneof: string[]
  readonly fieldsArray: Field[]
  readonly isProto3Optional: boolean
  add(field: Field): this
  remove(field: Field): this
}

export class Message<T extends object = object> {
  constructor(properties?: Properties<T>)
  static readonly $type: Type
  readonly $type: Type
  static create<T extends Message<T>>(this: Constructor<T>, properties?: { [k: string]: any }): T
  static encode<T extends Message<T>>(this: Constructor<T>, message: T | { [k: string]: any }, writer?: Writer): Writer
  static encodeDelimited<T extends Message<T>>(
    this: Constructor<T>,
    message: T | { [k: string]: any },
    writer?: Writer,
  ): Writer
  static decode<T extends Message<T>>(this: Constructor<T>, reader: Reader | Uint8Array): T
  static decodeDelimited<T extends Message<T>>(this: Constructor<T>, reader: Reader | Uint8Array): T
  static verify(message: { [k: string]: any }): string | null
  static fromObject<T extends Message<T>>(this: Constructor<T>, object: { [k: string]: any }): T
  static toObject<T extends Message<T>>(
    this: Constructor<T>,
    message: T,
    options?: IConversionOptions,
  ): { [k: string]: any }
  toJSON(): { [k: string]: any }
}

export class Type extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  static fromJSON(name: string, json: IType, depth?: number): Type
  static d<T extends Message<T> = any>(typeName?: string): TypeDecorator<T>
  fields: { [k: string]: Field }
  oneofs?: { [k: string]: OneOf }
  extensions?: number[][]
  reserved?: (number[] | string)[]
  group?: boolean
  visibility?: string
  readonly fieldsById: { [k: number]: Field }
  readonly fieldsArray: Field[]
  readonly oneofsArray: OneOf[]
  ctor: Constructor<{}>
  isReservedId(id: number): boolean
  isReservedName(name: string): boolean
  create(properties?: { [k: string]: any }): Message<{}>
  setup(): this
  encode(message: Message<{}> | { [k: string]: any }, writer?: Writer): Writer
  encodeDelimited(message: Message<{}> | { [k: string]: any }, writer?: Writer): Writer
  decode(reader: Reader | Uint8Array, length?: number): Message<{}>
  decodeDelimited(reader: Reader | Uint8Array): Message<{}>
  verify(message: { [k: string]: any }): string | null
  fromObject(object: { [k: string]: any }): Message<{}>
  toObject(message: Message<{}>, options?: IConversionOptions): { [k: string]: any }
  getTypeUrl(prefix?: string): string
}

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
  static fromJSON(name: string, json: IMethod): Method
  type: string
  requestType: string
  requestStream?: boolean
  responseType: string
  responseStream?: boolean
  path: string
  resolvedRequestType: Type | null
  resolvedResponseType: Type | null
}

export class Service extends NamespaceBase {
  constructor(name: string, options?: { [k: string]: any })
  static fromJSON(name: string, json: IService, depth?: number): Service
  methods: { [k: string]: Method }
  readonly methodsArray: Method[]
  create(rpcImpl: RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean): rpc.Service
}

export type RPCImplCallback = (error: Error | null, response?: Uint8Array | null) => void
export type RPCImpl = (
  method: Method | rpc.ServiceMethod<any, any>,
  requestData: Uint8Array,
  callback: RPCImplCallback,
) => void

export namespace rpc {
  type ServiceMethodCallback<TRes> = (error: Error | null, response?: TRes) => void
  type ServiceMethod<TReq, TRes> = (
    request: TReq | Properties<TReq>,
    callback?: ServiceMethodCallback<TRes>,
  ) => Promise<Message<any>>
  class Service extends util.EventEmitter {
    constructor(rpcImpl: RPCImpl, requestDelimited?: boolean, responseDelimited?: boolean)
    rpcImpl: RPCImpl | null
    requestDelimited: boolean
    responseDelimited: boolean
    rpcCall<TReq, TRes>(
      method: Method | ServiceMethod<TReq, TRes>,
      requestCtor: Constructor<any>,
      responseCtor: Constructor<any>,
      request: TReq | Properties<TReq>,
      callback?: ServiceMethodCallback<TRes>,
    ): any
    end(endedByRPC?: boolean): this
  }
}

export class Reader {
  constructor(buffer: Uint8Array)
  static create(buffer: Uint8Array | number[]): Reader
  static recursionLimit: number
  static discardUnknown: boolean
  buf: Uint8Array
  pos: number
  len: number
  discardUnknown: boolean
  raw(start: number, end: number): Uint8Array
  tag(): number
  size(): number
  uint32(): number
  int32(): number
  sint32(): number
  int64(): Long
  uint64(): Long
  sint64(): Long
  bool(): boolean
  fixed32(): number
  sfixed32(): number
  fixed64(): Long
  sfixed64(): Long
  float(): number
  double(): number
  bytes(): Uint8Array
  string(): string
  stringVerify(): string
  uint32s(array?: number[]): number[]
  int32s(array?: number[]): number[]
  sint32s(array?: number[]): number[]
  uint64s(array?: LongLike[]): LongLike[]
  int64s(array?: LongLike[]): LongLike[]
  sint64s(array?: LongLike[]): LongLike[]
  bools(array?: boolean[]): boolean[]
  fixed32s(array?: number[]): number[]
  sfixed32s(array?: number[]): number[]
  fixed64s(array?: LongLike[]): LongLike[]
  sfixed64s(array?: LongLike[]): LongLike[]
  floats(array?: number[]): number[]
  doubles(array?: number[]): number[]
  skip(length?: number): this
  skipType(wireType: number, depth?: number, fieldNumber?: number): this
}
export class BufferReader extends Reader {
  constructor(buffer: Buffer)
}

export class Writer {
  constructor()
  static create(): Writer
  static alloc(size: number): Uint8Array
  static initialBufferSize: number
  readonly len: number
  uint32(value: number): this
  int32(value: number): this
  sint32(value: number): this
  uint64(value: LongLike): this
  int64(value: LongLike): this
  sint64(value: LongLike): this
  bool(value: boolean): this
  fixed32(value: number): this
  sfixed32(value: number): this
  fixed64(value: LongLike): this
  sfixed64(value: LongLike): this
  float(value: number): this
  double(value: number): this
  bytes(value: Uint8Array | string): this
  raw(value: Uint8Array): this
  string(value: string): this
  uint32s(value: number[]): this
  int32s(value: number[]): this
  sint32s(value: number[]): this
  uint64s(value: LongLike[]): this
  int64s(value: LongLike[]): this
  sint64s(value: LongLike[]): this
  bools(value: boolean[]): this
  fixed32s(value: number[]): this
  sfixed32s(value: number[]): this
  fixed64s(value: LongLike[]): this
  sfixed64s(value: LongLike[]): this
  floats(value: number[]): this
  doubles(value: number[]): this
  fork(): this
  reset(): this
  ldelim(): this
  finish(shared?: boolean): Uint8Array
  finishInto(buffer: Uint8Array, offset?: number): Uint8Array
}
export class BufferWriter extends Writer {
  finish(shared?: boolean): Buffer
}

export namespace util {
  class EventEmitter {
    constructor()
    on(evt: string, fn: (...args: any[]) => void, ctx?: any): this
    off(evt?: string, fn?: (...args: any[]) => void): this
    emit(evt: string, ...args: any[]): this
  }
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
  class ProtocolError<T extends Message<T> = any> extends Error {
    constructor(message: string, properties?: { [k: string]: any })
    instance: Message<T>
  }
  /** npm `long`'s class; null where the program has none. Set it, and call `configure()`. */
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

export const types: {
  basic: { [type: string]: number }
  defaults: { [type: string]: any }
  long: { [type: string]: number }
  mapKey: { [type: string]: number }
  packed: { [type: string]: number }
}
export const roots: { [name: string]: Root }
export interface IWrapper {
  fromObject(this: Type, object: { [k: string]: any }): Message<{}>
  toObject(this: Type, message: Message<{}>, options?: IConversionOptions): { [k: string]: any }
}
export const wrappers: { [name: string]: IWrapper }
export const build: string
export function configure(): void
export function load(filename: string | string[], root: Root | undefined, callback: LoadCallback): void
export function load(filename: string | string[], callback: LoadCallback): void
export function load(filename: string | string[], root?: Root): Promise<Root>
export function loadSync(filename: string | string[], root?: Root): Root
export function parse(source: string, options?: IParseOptions): IParserResult
export function parse(source: string, root: Root, options?: IParseOptions): IParserResult
export namespace parse {
  let filename: string | null
  let defaults: IParseOptions
}
export interface ITokenizerHandle {
  next(): string | null
  peek(): string | null
  push(token: string): void
  skip(expected: string, optional?: boolean): boolean
  cmnt(trailingLine?: number): string | null
  readonly line: number
}
export function tokenize(source: string, alternateCommentMode?: boolean): ITokenizerHandle
export namespace tokenize {
  function unescape(text: string): string
}
export function common(name: string, json: { [k: string]: any }): void
export namespace common {
  function get(file: string): INamespace | null
}
