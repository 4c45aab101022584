/** The same for `import`. */
import etcd from './index.js'

export * from './index.js'
export default etcd
