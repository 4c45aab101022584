import file from './type.js'

export default file
