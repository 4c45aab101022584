import files from './index.js'

export const { serveStatic, createStaticServer } = files
export default files
