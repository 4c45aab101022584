import * as protobuf from '../types'

/** The types of `google/protobuf/descriptor.proto`. Requiring this gives the classes of reflection what is declared below. */
declare const descriptor: protobuf.Namespace & {
  [name: string]: any
  FileDescriptorSet: protobuf.Type
  FileDescriptorProto: protobuf.Type
  DescriptorProto: protobuf.Type
  FieldDescriptorProto: protobuf.Type
  OneofDescriptorProto: protobuf.Type
  EnumDescriptorProto: protobuf.Type
  ServiceDescriptorProto: protobuf.Type
  MethodDescriptorProto: protobuf.Type
}

declare module '../types' {
  namespace Root {
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      options?: { keepCase?: boolean },
    ): protobuf.Root
  }
  interface Root {
    toDescriptor(edition: string): protobuf.Message<any>
  }
  interface Type {
    toDescriptor(edition?: string): protobuf.Message<any>
  }
  interface Enum {
    toDescriptor(): protobuf.Message<any>
  }
  interface FieldBase {
    toDescriptor(edition?: string): protobuf.Message<any>
  }
  interface OneOf {
    toDescriptor(): protobuf.Message<any>
  }
  interface Service {
    toDescriptor(): protobuf.Message<any>
  }
  interface Method {
    toDescriptor(): protobuf.Message<any>
  }
}

export = descriptor
