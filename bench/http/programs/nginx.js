'use strict'

// The programs that can be expressed as nginx configuration.

const { Nginx } = require('../../lib/nginx.js')
const { files } = require('../../lib/identity.js')

const programs = {
  'secure hello': {
    listen: 'ssl',
    server: `ssl_certificate ${files.cert}; ssl_certificate_key ${files.key}; location / { return 200 http; }`,
  },
}

module.exports = { start: (program, core) => new Nginx(programs[program], core) }
