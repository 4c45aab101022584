'use strict'

// `Service` and `Method`, the reflection objects of services.

const { Namespace, checkDepth, makers } = require('./namespace.js')
const { ReflectionObject } = require('./object.js')
const rpc = require('./rpc.js')
const util = require('./util/index.js')

class Method extends ReflectionObject {
  static className = 'Method'

  static fromJSON(name, json) {
    const { type, requestType, responseType, requestStream, responseStream, options, comment, parsedOptions } = json
    return new Method(
      name,
      type,
      requestType,
      responseType,
      requestStream,
      responseStream,
      options,
      comment,
      parsedOptions,
    )
  }

  /** The stream flags are optional. */
  constructor(name, type, requestType, responseType, requestStream, responseStream, options, comment, parsedOptions) {
    let [fromStream, toStream, all] = [requestStream, responseStream, options]
    if (util.isObject(requestStream)) [fromStream, toStream, all] = [undefined, undefined, requestStream]
    else if (util.isObject(responseStream)) [toStream, all] = [undefined, responseStream]
    if (type !== undefined && !util.isString(type)) throw TypeError('type must be a string')
    if (!util.isString(requestType)) throw TypeError('requestType must be a string')
    if (!util.isString(responseType)) throw TypeError('responseType must be a string')
    super(name, all)
    this.type = type || 'rpc'
    this.requestType = requestType
    this.requestStream = fromStream ? true : undefined
    this.responseType = responseType
    this.responseStream = toStream ? true : undefined
    /** The method's name with a slash; it is completed with the service's name when it is known. */
    this.path = `/${this.name}`
    this.resolvedRequestType = null
    this.resolvedResponseType = null
    this.comment = comment
    this.parsedOptions = parsedOptions
  }

  toJSON({ keepComments = false } = {}) {
    return util.toObject([
      ...['type', this.type !== 'rpc' ? this.type : undefined],
      ...['requestType', this.requestType, 'requestStream', this.requestStream],
      ...['responseType', this.responseType, 'responseStream', this.responseStream],
      ...['options', this.options, 'comment', keepComments ? this.comment : undefined],
      ...['parsedOptions', this.parsedOptions],
    ])
  }

  resolve() {
    if (this.resolved) return this
    this.path = `/${this.parent.fullName.replace(/^\./, '')}/${this.name}`
    this.resolvedRequestType = this.parent.lookupType(this.requestType)
    this.resolvedResponseType = this.parent.lookupType(this.responseType)
    return super.resolve()
  }
}

class Service extends Namespace {
  static className = 'Service'

  static fromJSON(name, json, depth = 0) {
    checkDepth(depth, util.recursionLimit)
    const service = new Service(name, json.options)
    for (const method of Object.keys(json.methods ?? {})) service.add(Method.fromJSON(method, json.methods[method]))
    if (json.nested) service.addJSON(json.nested, depth)
    if (json.edition) service._edition = json.edition
    service.comment = json.comment
    // JSON descriptions without an edition are proto3, as in protobufjs.
    service._defaultEdition = 'proto3'
    return service
  }

  constructor(name, options) {
    super(name, options)
    this.methods = {}
    this._methodsArray = null
  }

  get _isPlain() {
    return false
  }

  get methodsArray() {
    this._methodsArray ||= util.toArray(this.methods)
    return this._methodsArray
  }

  toJSON(options) {
    const { options: own, nested } = super.toJSON(options)
    return util.toObject([
      ...['edition', this._editionToJSON(), 'options', own],
      ...['methods', Namespace.arrayToJSON(this.methodsArray, options) ?? {}, 'nested', nested],
      ...['comment', options?.keepComments ? this.comment : undefined],
    ])
  }

  get(name) {
    return Object.hasOwn(this.methods, name) ? this.methods[name] : super.get(name)
  }

  resolveAll() {
    if (!this._needsRecursiveResolve) return this
    this.resolve()
    for (const method of this.methodsArray) method.resolve()
    return this
  }

  _resolveFeaturesRecursive(edition) {
    if (!this._needsRecursiveFeatureResolution) return this
    const own = this._edition || edition
    super._resolveFeaturesRecursive(own)
    for (const method of this.methodsArray) method._resolveFeaturesRecursive(own)
    return this
  }

  add(object) {
    if (this.get(object.name)) throw Error(`duplicate name '${object.name}' in ${this}`)
    if (!(object instanceof Method)) return super.add(object)
    if (object.name === '__proto__') return this
    this.methods[object.name] = object
    object.parent = this
    this._methodsArray = null
    return this
  }

  remove(object) {
    if (!(object instanceof Method)) return super.remove(object)
    if (this.methods[object.name] !== object) throw Error(`${object} is not a member of ${this}`)
    delete this.methods[object.name]
    object.parent = null
    this._methodsArray = null
    return this
  }

  /** Makes an object with a function for every method. */
  create(rpcImpl, requestDelimited, responseDelimited) {
    const service = new rpc.Service(rpcImpl, requestDelimited, responseDelimited)
    for (const method of this.methodsArray) {
      const { resolvedRequestType: request, resolvedResponseType: response } = method.resolve()
      service[util.lcFirst(method.name).replace(/[^$\w]/g, '')] = function (message, callback) {
        // Called on the prototype, because a method may be named `rpcCall`.
        return rpc.Service.prototype.rpcCall.call(this, method, request.ctor, response.ctor, message, callback)
      }
    }
    return service
  }
}

makers.Service = Service

module.exports = { Service, Method }
