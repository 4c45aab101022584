/** Reflection without the parser: {@link parse}, {@link tokenize} and {@link common} are only in `ironwire/protobufjs`. */
export * from './types'
