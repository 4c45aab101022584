'use strict'

// The requests to each static file server: `{name, title, contenders, paths, headers, status}`; one of several `paths`
// is chosen at random.

const servers = ['ironwire', 'nginx', 'sirv', 'express.static']
const RANGE = [1 << 20, (1 << 20) + (64 << 10) - 1]

const MANY = Array.from({ length: 1000 }, (_, i) => `/many/${i}.bin`)

exports.cases = [
  { name: '1 KiB', title: '1 KiB', contenders: servers, paths: ['/1k.bin'] },
  { name: '64 KiB', title: '64 KiB', contenders: servers, paths: ['/64k.bin'] },
  { name: '1 MiB', title: '1 MiB', contenders: servers, paths: ['/1m.bin'] },
  {
    name: '304',
    title: 'reload of 1 KiB: 304',
    contenders: servers,
    paths: ['/1k.bin'],
    headers: async (ask) => ({ 'If-None-Match': (await ask({ path: '/1k.bin' })).headers.etag }),
    status: 304,
  },
  { name: 'many', title: '1,000 files of 4 KiB at random', contenders: servers, paths: MANY },
  {
    name: 'range',
    title: '64 KiB within 10 MiB',
    contenders: servers,
    paths: ['/10m.bin'],
    headers: () => ({ Range: `bytes=${RANGE.join('-')}` }),
    status: 206,
    range: RANGE,
  },
  {
    name: 'express',
    title: '1 KiB, Express 5 with a handler',
    contenders: ['ironwire', 'express.static'],
    program: { ironwire: 'express on ironwire', 'express.static': 'express.static' },
    paths: ['/1k.bin'],
  },
  {
    name: 'pipe',
    title: '`createReadStream(1 KiB).pipe(res)`',
    contenders: ['ironwire', 'node:http'],
    program: { ironwire: 'pipe on ironwire', 'node:http': 'pipe' },
    paths: ['/1k.bin'],
  },
]

/** The files: length in bytes by name. */
exports.files = {
  '1k.bin': 1 << 10,
  '64k.bin': 64 << 10,
  '1m.bin': 1 << 20,
  '10m.bin': 10 << 20,
  ...Object.fromEntries(MANY.map((name) => [name.slice(1), 4 << 10])),
}
