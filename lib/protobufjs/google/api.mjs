import file from './api.js'

export default file
