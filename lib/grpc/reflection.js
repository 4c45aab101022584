'use strict'

// `grpc.reflection`: the service that tells clients which services a server has (grpc.reflection.v1 and v1alpha), with
// the API of npm `@grpc/reflection`.

const { invalidArgType } = require('../errors.js')
const { status } = require('./constants.js')
const { definitionOf } = require('./definition.js')
const { Descriptors } = require('./descriptors.js')

const VERSIONS = ['v1', 'v1alpha']

const sourceOf = (version) => `syntax = "proto3";

package grpc.reflection.${version};

service ServerReflection {
  rpc ServerReflectionInfo (stream ServerReflectionRequest) returns (stream ServerReflectionResponse);
}

message ServerReflectionRequest {
  string host = 1;
  oneof message_request {
    string file_by_filename = 3;
    string file_containing_symbol = 4;
    ExtensionRequest file_containing_extension = 5;
    string all_extension_numbers_of_type = 6;
    string list_services = 7;
  }
}

message ExtensionRequest {
  string containing_type = 1;
  int32 extension_number = 2;
}

message ServerReflectionResponse {
  string valid_host = 1;
  ServerReflectionRequest original_request = 2;
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ExtensionNumberResponse all_extension_numbers_response = 5;
    ListServiceResponse list_services_response = 6;
    ErrorResponse error_response = 7;
  }
}

message FileDescriptorResponse {
  repeated bytes file_descriptor_proto = 1;
}

message ExtensionNumberResponse {
  string base_type_name = 1;
  repeated int32 extension_number = 2;
}

message ListServiceResponse {
  repeated ServiceResponse service = 1;
}

message ServiceResponse {
  string name = 1;
}

message ErrorResponse {
  int32 error_code = 1;
  string error_message = 2;
}
`

const schemas = {}
const services = {}

function schemaOf(version) {
  const filename = `grpc/reflection/${version}/reflection.proto`
  const options = { filename, camelCase: true, oneofs: true }
  schemas[version] ??= require('../protobuf/index.js').parse(sourceOf(version), options)
  return schemas[version]
}

function serviceOf(version) {
  services[version] ??= definitionOf(schemaOf(version).grpc.reflection[version].ServerReflection)
  return services[version]
}

const filesResponse = (fileDescriptorProto) => ({
  messageResponse: 'fileDescriptorResponse',
  fileDescriptorResponse: { fileDescriptorProto },
})

const errorResponse = (errorCode, errorMessage) => ({
  messageResponse: 'errorResponse',
  errorResponse: { errorCode, errorMessage },
})

const notFound = (what) => errorResponse(status.NOT_FOUND, what)

/** The answer to a request. */
function answer(descriptors, request) {
  switch (request.messageRequest) {
    case 'listServices': {
      const service = [...descriptors.services].map((name) => ({ name }))
      return { messageResponse: 'listServicesResponse', listServicesResponse: { service } }
    }
    case 'fileByFilename': {
      const name = request.fileByFilename
      const files = descriptors.byName(name)
      return files ? filesResponse(files) : notFound(`Proto file not found: ${name}`)
    }
    case 'fileContainingSymbol': {
      const name = request.fileContainingSymbol
      const files = descriptors.bySymbol(name)
      return files ? filesResponse(files) : notFound(`Symbol not found: ${name}`)
    }
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = request.fileContainingExtension
      const files = descriptors.byExtension(containingType, extensionNumber)
      const what = `Extension not found for symbol ${containingType} at field ${extensionNumber}`
      return files ? filesResponse(files) : notFound(what)
    }
    case 'allExtensionNumbersOfType': {
      const baseTypeName = request.allExtensionNumbersOfType
      const extensionNumber = descriptors.extensionsOf(baseTypeName)
      if (extensionNumber === undefined) return notFound(`Extensions not found for symbol ${baseTypeName}`)
      const allExtensionNumbersResponse = { baseTypeName, extensionNumber }
      return { messageResponse: 'allExtensionNumbersResponse', allExtensionNumbersResponse }
    }
    default:
      return errorResponse(status.UNIMPLEMENTED, `Unimplemented method for request: ${request.messageRequest}`)
  }
}

class ReflectionService {
  #descriptors

  /**
   * `pkg` is a source of services, or an array of them. `services` are the names of the services to list; all by
   * default.
   */
  constructor(pkg, options = {}) {
    if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options)
    const { services } = options
    if (services !== undefined && !Array.isArray(services)) {
      throw invalidArgType('options.services', 'an array of the names of services', services)
    }
    this.#descriptors = new Descriptors(pkg, services)
  }

  addToServer(server) {
    for (const version of VERSIONS) {
      server.addService(serviceOf(version), { ServerReflectionInfo: (call) => this.#serve(call) })
    }
  }

  #serve(call) {
    call.on('data', (originalRequest) => {
      const response = answer(this.#descriptors, originalRequest)
      // Answers are much longer than requests, so the requests of a client that does not read answers are not read
      // either.
      if (call.write({ validHost: originalRequest.host, originalRequest, ...response })) return
      call.pause()
      call.once('drain', () => call.resume())
    })
    call.on('end', () => call.end())
  }
}

module.exports = { ReflectionService }
