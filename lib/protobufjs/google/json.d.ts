/** One of the files that come with protobufjs, as JSON for `Root.fromJSON`. */
import type { INamespace } from '../types'

declare const file: INamespace
export = file
