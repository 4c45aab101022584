import file from './source_context.js'

export default file
