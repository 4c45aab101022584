/** The same for `import`. */
import type { INamespace } from '../types.js'

declare const file: INamespace
export default file
