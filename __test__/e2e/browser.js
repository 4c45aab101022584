'use strict'

// A real browser: Chromium or Chrome, where there is one.

const fs = require('node:fs')
const { chromium } = require('playwright-core')

const CANDIDATES = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]
const executablePath = CANDIDATES.find((path) => path && fs.existsSync(path))
const missing = executablePath
  ? false
  : 'There is no Chromium here: install one (Debian: apt-get install chromium) or set CHROMIUM_PATH'

/** Root, as in a container, has no sandbox; the rest keeps the browser from talking to anyone but the tests. */
const ARGS = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-gpu',
  '--disable-dev-shm-usage',
]

// A developer without a browser may go on. On a build machine a run that tests nothing must not look like one that passes.
if (missing && process.env.CI) throw new Error(missing)

const launch = (...args) => chromium.launch({ executablePath, args: [...ARGS, ...args] })

module.exports = { launch, missing }
