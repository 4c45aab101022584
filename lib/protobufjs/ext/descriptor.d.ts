import * as protobuf from '../types'

/**
 * The types of `google/protobuf/descriptor.proto`. Loading this module adds the methods below to the reflection
 * classes: they convert a schema to descriptors and back.
 */
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
  /** Adds to {@link protobuf.Root}. */
  namespace Root {
    /**
     * Makes a root from a `FileDescriptorSet`: a message of that type, or its bytes. With `keepCase` the names of
     * fields stay as declared.
     */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      options?: { keepCase?: boolean },
    ): protobuf.Root
  }
  /** Adds to {@link protobuf.Type}. */
  namespace Type {
    /** Makes a message type from a `DescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.Type
  }
  /** Adds to {@link protobuf.Enum}. */
  namespace Enum {
    /** Makes an enum from an `EnumDescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.Enum
  }
  /** Adds to {@link protobuf.Field}. */
  namespace Field {
    /** Makes a field from a `FieldDescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.FieldBase
  }
  /** Adds to {@link protobuf.OneOf}. */
  namespace OneOf {
    /** Makes a oneof from a `OneofDescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.OneOf
  }
  /** Adds to {@link protobuf.Service}. */
  namespace Service {
    /** Makes a service from a `ServiceDescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.Service
  }
  /** Adds to {@link protobuf.Method}. */
  namespace Method {
    /** Makes a method from a `MethodDescriptorProto`. */
    function fromDescriptor(
      descriptor: protobuf.Message<{}> | protobuf.Reader | Uint8Array,
      edition?: string,
    ): protobuf.Method
  }
  /** Adds to {@link protobuf.Root}. */
  interface Root {
    /** The schema as a `FileDescriptorSet`. `edition` is `'proto2'`, `'proto3'` or an edition such as `'2023'`. */
    toDescriptor(edition: string): protobuf.Message<any>
  }
  /** Adds to {@link protobuf.Type}. */
  interface Type {
    /** The type as a `DescriptorProto`. */
    toDescriptor(edition?: string): protobuf.Message<any>
  }
  /** Adds to {@link protobuf.Enum}. */
  interface Enum {
    /** The enum as an `EnumDescriptorProto`. */
    toDescriptor(): protobuf.Message<any>
  }
  /** Adds to all fields. */
  interface FieldBase {
    /** The field as a `FieldDescriptorProto`. */
    toDescriptor(edition?: string): protobuf.Message<any>
  }
  /** Adds to {@link protobuf.OneOf}. */
  interface OneOf {
    /** The oneof as a `OneofDescriptorProto`. */
    toDescriptor(): protobuf.Message<any>
  }
  /** Adds to {@link protobuf.Service}. */
  interface Service {
    /** The service as a `ServiceDescriptorProto`. */
    toDescriptor(): protobuf.Message<any>
  }
  /** Adds to {@link protobuf.Method}. */
  interface Method {
    /** The method as a `MethodDescriptorProto`. */
    toDescriptor(): protobuf.Message<any>
  }
}

export = descriptor
