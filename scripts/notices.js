'use strict'

// Generates THIRD-PARTY-NOTICES: the licences of the crates that are linked into the addon and distributed with it.
//
//   node scripts/notices.js           writes the file
//   node scripts/notices.js --check   fails if the file is not up to date

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const file = path.join(root, 'THIRD-PARTY-NOTICES')

const cargo = (...args) =>
  execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] })

const mit = (owners) => `Copyright (c) ${owners}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge,
publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so,
subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR
ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH
THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

const bsd = (owners) => `Copyright (c) ${owners}

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are
met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following disclaimer in the
documentation and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its contributors may be used to endorse or promote products derived from
this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT
LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE
COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES
(INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION)
HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE)
ARISING IN ANY WAY OUT OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.`

const isc = (owners) => `Copyright (c) ${owners}

Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted, provided that the
above copyright notice and this permission notice appear in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF
MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY
DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION,
ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE OF THIS SOFTWARE.`

/** Texts of licences that some crates omit from their packages, although they are in their repositories. */
const TEXTS = { MIT: mit, ISC: isc, 'BSD-3-Clause': bsd }

/**
 * The `name version` of each linked crate. Build and test dependencies and macros, which run in the compiler, are not
 * included.
 */
function linked() {
  const tree = cargo('tree', '--locked', '--edges', 'normal,no-proc-macro', '--prefix', 'none', '--format', '{p}')
  const names = tree.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ').replace(' v', ' '))
  return [...new Set(names)].filter((name) => name !== '' && !name.startsWith('ironwire ')).sort()
}

/** The licence texts of a crate. If there is a choice, the least demanding licence; otherwise all that it ships. */
function texts({ name, version, license, authors, repository, manifest_path: manifest }) {
  const folder = path.dirname(manifest)
  const shipped = fs
    .readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => /^(?:licen[cs]e|copying|notice|unlicense)/i.test(name))
    // Some crates have a folder of licences.
    .flatMap((entry) =>
      entry.isDirectory()
        ? fs.readdirSync(path.join(folder, entry.name)).map((file) => path.join(entry.name, file))
        : entry.name,
    )
  const of = (choice) => shipped.filter((entry) => entry.toLowerCase().includes(choice.toLowerCase()))
  const choice = ['MIT', 'Apache', 'ISC'].find(
    (one) => !/\bAND\b/.test(license) && license.includes(one) && of(one).length > 0,
  )
  const files = choice === undefined ? shipped : of(choice)
  if (files.length > 0) return files.map((entry) => fs.readFileSync(path.join(folder, entry), 'utf8').trim())
  const own = license.split(' OR ').find((one) => Object.hasOwn(TEXTS, one))
  if (own !== undefined) {
    return [TEXTS[own](authors.map((author) => author.replace(/ <.*/, '')).join(', ') || repository)]
  }
  throw new Error(`${name} ${version} ships no text of its licence (${license})`)
}

function notices() {
  const { packages } = JSON.parse(cargo('metadata', '--locked', '--format-version', '1'))
  const crates = new Map(packages.map((crate) => [`${crate.name} ${crate.version}`, crate]))
  const sections = linked().map((name) => {
    const crate = crates.get(name)
    return `${name} (${crate.license})\n${crate.repository ?? ''}\n\n${texts(crate).join('\n\n')}\n`
  })
  const std = `The Rust standard library (MIT OR Apache-2.0)\nhttps://github.com/rust-lang/rust\n\n${mit('The Rust Project Contributors')}\n`
  const line = `\n${'-'.repeat(80)}\n\n`
  const head = 'The native addon of ironwire contains the following software.\n'
  return [head, ...sections, std]
    .join(line)
    .replace(/\r\n/g, '\n')
    .replace(/[ \t]+$/gm, '')
}

const current = notices()
if (!process.argv.includes('--check')) fs.writeFileSync(file, current)
else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== current) {
  console.error('ironwire: THIRD-PARTY-NOTICES is not what the addon links; run `node scripts/notices.js`')
  process.exitCode = 1
}
