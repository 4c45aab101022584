'use strict'

// `ironwire serve` as a browser meets it: a page with its assets, media that is sought in, reloads, a listing.

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { after, before, describe, test } = require('node:test')
const { spawn } = require('node:child_process')
const { makeTree, until } = require('../files/support')
const { launch, missing } = require('./browser')

const BIN = path.join(__dirname, '../../bin/ironwire.js')

/** Silence: 16 bits, stereo, 44,100 Hz. */
function makeWave(file, seconds) {
  const bytes = seconds * 44_100 * 4
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + bytes, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(2, 22)
  head.writeUInt32LE(44_100, 24)
  head.writeUInt32LE(44_100 * 4, 28)
  head.writeUInt16LE(4, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(bytes, 40)
  fs.writeFileSync(file, head)
  fs.truncateSync(file, 44 + bytes)
}

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Page</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script type="module" src="app.mjs"></script>
<img src="picture.svg" alt="">
<audio src="sound.wav" preload="metadata"></audio>
<p id="text">…</p>
`
const SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="10" height="10"/></svg>'

const FILES = {
  'index.html': PAGE,
  'style.css': 'p { color: rgb(1, 2, 3) }\n'.repeat(200),
  'app.mjs': "import { text } from './lib/text.mjs'\ndocument.getElementById('text').textContent = text\n",
  'lib/text.mjs': "export const text = 'modules work'\n",
  'picture.svg': SVG,
  'icon.svg': SVG,
  'sound.wav': (file) => makeWave(file, 600),
  'files/<b>ü & co.txt': 'odd name',
}

describe('static files in a browser', { skip: missing, timeout: 120_000 }, () => {
  let browser
  let child
  let url
  let page
  let log = ''
  const cleanups = []

  before(async () => {
    const root = makeTree({ after: (cleanup) => cleanups.push(cleanup) }, FILES)
    const args = [BIN, 'serve', root, '--port', '0', '--log', 'json', '--compress', '--listing']
    child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.setEncoding('utf8').on('data', (text) => {
      log += text
    })
    await until(() => /Ctrl-C ends it/.test(log))
    url = /http:\/\/localhost:\d+/.exec(log)[0]
    browser = await launch('--autoplay-policy=no-user-gesture-required')
    page = await browser.newPage()
    page.setDefaultTimeout(20_000)
  })
  after(async () => {
    await browser?.close()
    child?.kill('SIGKILL')
    for (const cleanup of cleanups) cleanup()
  })

  /** What was answered, by URL. */
  const answers = (from = 0) => {
    const lines = log.slice(from).split('\n').slice(0, -1)
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
  }
  const statusOf = (path, from) => answers(from).find((entry) => entry.url === path)?.status

  test('a page and what it loads', async () => {
    const problems = []
    page.on('pageerror', (error) => problems.push(error.stack))
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    const response = await page.goto(url)
    assert.strictEqual(response.headers()['content-encoding'], undefined, 'too small to gain')
    await page.getByText('modules work').waitFor()
    assert.strictEqual(
      await page.evaluate(() => getComputedStyle(document.getElementById('text')).color),
      'rgb(1, 2, 3)',
    )
    assert.strictEqual(await page.evaluate(() => document.querySelector('img').naturalWidth), 10)
    assert.deepStrictEqual(problems, [])
    await until(() =>
      ['/style.css', '/app.mjs', '/lib/text.mjs', '/picture.svg'].every((path) => statusOf(path) === 200),
    )
  })

  test('a reload asks, and is told that nothing has changed', async () => {
    const from = log.length
    await page.reload()
    await page.getByText('modules work').waitFor()
    await until(() => ['/', '/style.css', '/app.mjs', '/lib/text.mjs'].every((path) => statusOf(path, from) === 304))
  })

  test('media is sought in by ranges', async () => {
    const ranges = []
    page.on('response', (response) => {
      if (response.url().endsWith('.wav')) ranges.push([response.status(), response.headers()['content-range']])
    })
    await page.reload()
    await page.waitForFunction(() => document.querySelector('audio').readyState >= 1)
    assert.strictEqual(await page.evaluate(() => Math.round(document.querySelector('audio').duration)), 600)
    const time = await page.evaluate(async () => {
      const audio = document.querySelector('audio')
      const sought = new Promise((resolve) => audio.addEventListener('seeked', resolve, { once: true }))
      audio.currentTime = 500
      await sought
      await audio.play()
      await new Promise((resolve) => setTimeout(resolve, 300))
      audio.pause()
      return audio.currentTime
    })
    assert.ok(time > 500 && time < 510, String(time))
    const far = ranges.find(([status, range]) => status === 206 && Number(/^bytes (\d+)-/.exec(range)[1]) > 50_000_000)
    assert.ok(far, JSON.stringify(ranges))
  })

  test('a listing: a name is text, and its link leads to it', async () => {
    await page.goto(`${url}/files/`)
    await page.getByRole('link', { name: '<b>ü & co.txt' }).click()
    assert.strictEqual(await page.locator('body').innerText(), 'odd name')
    await page.setViewportSize({ width: 360, height: 640 })
    await page.goto(`${url}/files/`)
    const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
    assert.ok(content <= view, 'fits a phone')
  })
})
