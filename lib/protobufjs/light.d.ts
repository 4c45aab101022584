/** `ironwire/protobufjs` without the parser: {@link parse}, {@link tokenize} and {@link common} are missing. */
export * from './types'
