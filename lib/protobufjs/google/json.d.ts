/** One of the files that come with protobufjs, as JSON: what `Root.fromJSON` takes. */
import type { INamespace } from '../types'

declare const file: INamespace
export = file
