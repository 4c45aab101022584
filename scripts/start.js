'use strict'

// `npm start`: makes a fresh checkout usable, then runs the demo in this process.

require('./setup.js').setup()
require('../demo/front.js').main()
