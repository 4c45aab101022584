import file from './descriptor.js'

export default file
