'use strict'

// The demo as a person meets it: `npm start`, a real browser, a backend that dies.

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const { launch, missing } = require('./browser')
const { alive, signalGroup, startDemo, until } = require('../demo/support')

describe('the demo in a browser', { skip: missing, timeout: 180_000 }, () => {
  let demo, browser, page
  const problems = []
  const cleanups = []

  before(async () => {
    demo = await startDemo({ after: (cleanup) => cleanups.push(cleanup) }, { command: ['npm', 'start', '--silent'] })
    browser = await launch()
    page = await browser.newPage()
    page.setDefaultTimeout(20_000)
    page.on('pageerror', (error) => problems.push(error.stack))
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    await page.goto(demo.url)
  })
  after(async () => {
    await browser?.close()
    await Promise.all(cleanups.map((cleanup) => cleanup()))
  })

  const text = (selector) => page.locator(selector).innerText()

  test('lists every course with its round-trip time', async () => {
    await page.waitForFunction(() => document.querySelectorAll('.course output').length === 16)
    await page.getByRole('heading', { name: 'JavaScript' }).waitFor()
    assert.strictEqual(await text('#status'), 'Backend up')
    const times = await page.locator('.course output').allInnerTexts()
    for (const time of times) assert.match(time, /^\d[\d.,]* ms$/)
    const ids = await page.locator('.course .id').allInnerTexts()
    assert.deepStrictEqual(ids.slice(0, 3), ['1000', '2000', '3000'])
    // The stylesheet is there, too.
    assert.strictEqual(await page.evaluate(() => getComputedStyle(document.querySelector('.courses')).display), 'grid')
  })

  test('goes on asking: the numbers move', async () => {
    const answered = await text('#answered')
    await page.waitForFunction((old) => document.getElementById('answered').textContent !== old, answered)
    assert.match(await text('#median'), /^\d/)
  })

  test('answers overtake each other when the backend takes its time', async () => {
    await page.selectOption('#delay', '100')
    await page.waitForFunction(() => {
      const orders = [...document.querySelectorAll('.course .order')].map((order) => Number(order.textContent.slice(1)))
      return orders.some((order, i) => i > 0 && order < orders[i - 1])
    })
    await page.selectOption('#delay', '0')
  })

  test('pauses and resumes', async () => {
    await page.getByRole('button', { name: 'Pause' }).click()
    assert.strictEqual(await text('#status'), 'Paused')
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('Backend up', { exact: true }).waitFor()
  })

  test('fires 1,000 calls at once and shows how they went', async () => {
    await page.getByRole('button', { name: 'Fire 1,000 calls' }).click()
    await page.locator('.figures').waitFor()
    assert.match(await text('.figures'), /Answered\s+1,000/)
    assert.strictEqual(await page.locator('.column').count(), 32)
  })

  test('shows that the backend is gone, and that it is back', async () => {
    const { pid } = (await demo.state()).backend
    await page.getByRole('button', { name: 'Kill the backend' }).click()
    await page.getByRole('alert').waitFor()
    assert.match(await text('#alert'), /^The backend is away: killed by SIGKILL\./)
    assert.strictEqual(await text('#status'), 'Backend away')
    await page.locator('.course.lost').first().waitFor()
    // Nothing can be asked of what is away, and who comes now is told why there is nothing to see.
    for (const name of ['Fire 100 calls', 'Fire 10,000 calls', 'Kill the backend']) {
      assert.ok(await page.getByRole('button', { name, exact: true }).isDisabled(), name)
    }
    const late = await browser.newPage()
    await late.goto(demo.url)
    await late.getByText('No answers, as the backend is away: killed by SIGKILL.').waitFor()
    assert.strictEqual(await late.locator('.course').count(), 0)
    await late.locator('.course').first().waitFor()
    assert.strictEqual(await late.locator('#courses-empty').isVisible(), false)
    await late.close()
    await page.getByText('Backend up', { exact: true }).waitFor()
    await page.waitForFunction(() => document.querySelectorAll('.course:not(.lost) output').length === 16)
    assert.strictEqual(await page.locator('#alert').isVisible(), false)
    assert.ok(await page.getByRole('button', { name: 'Fire 100 calls', exact: true }).isEnabled())
    assert.notStrictEqual((await demo.state()).backend.pid, pid)
    assert.ok(!alive(pid))
  })

  test('what failed while the backend was away is not shown any more once it is back', async () => {
    const { pid } = (await demo.state()).backend
    await page.selectOption('#delay', '1000')
    await page.getByRole('button', { name: 'Fire 1,000 calls' }).click()
    await page.waitForFunction(() => Number(document.getElementById('in-flight').textContent.replace(',', '')) > 500)
    process.kill(pid, 'SIGKILL')
    await page.locator('#burst-result .problem').first().waitFor()
    await page.getByText('Backend up', { exact: true }).waitFor()
    await page.waitForFunction(() => document.querySelectorAll('#burst-result .problem').length === 0)
    await page.selectOption('#delay', '0')
  })

  test('the sparkline stays within its frame, and says its scale', async () => {
    const line = await page.locator('#spark .line').getAttribute('d')
    const points = line
      .slice(1)
      .split('L')
      .map((point) => point.split(' ').map(Number))
    assert.ok(points.length > 1)
    for (const [x, y] of points) assert.ok(x >= 0 && x <= 240 && y >= 1 && y <= 55, `${x} ${y}`)
    assert.match(await text('#spark-top'), /^\d[\d.,]* ms$/)
  })

  test('on a phone, what can be done comes before the cards, and no words run together', async () => {
    const phone = await browser.newPage({ viewport: { width: 390, height: 844 } })
    await phone.goto(demo.url)
    await phone.locator('.course output').first().waitFor()
    const top = async (selector) => (await phone.locator(selector).first().boundingBox()).y
    assert.ok((await top('#kill')) < (await top('.course')))
    const apart = await phone.evaluate(() =>
      [...document.querySelectorAll('.meta')].every((meta) => {
        const [level, lessons] = [...meta.children].map((child) => child.getBoundingClientRect())
        return lessons.top >= level.bottom || lessons.left - level.right >= 8
      }),
    )
    assert.ok(apart)
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    await phone.close()
  })

  test('nothing went wrong inside the page', () => {
    assert.deepStrictEqual(problems, [])
  })

  test('Ctrl-C ends it, with the page open, and the page says so', async () => {
    const { front, backend } = await demo.state()
    signalGroup(demo.child.pid, 'SIGINT')
    await demo.ended
    await until(() => !alive(front.pid) && !alive(backend.pid))
    await page.getByText('The front does not answer').waitFor()
  })
})
