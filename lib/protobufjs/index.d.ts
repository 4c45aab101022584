/** npm `protobufjs`, call for call. */
export * from './types'
