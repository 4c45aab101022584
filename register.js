'use strict'

// `node --require ironwire/register`, or the first line of a program: ironwire under Node's `http` and `net` (docs/register.md).

require('./lib/register.js')
