/** The same for `import`. */
import net from './index.js'

export * from './index.js'
export default net
