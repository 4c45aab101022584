'use strict'

// The demo as a person meets it: `npm start`, a real browser, backends that die.

const assert = require('node:assert')
const { after, before, describe, test } = require('node:test')
const { launch, missing } = require('./browser')
const { alive, launch: launchProcess, signalGroup, startDemo, until } = require('../demo/support')

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
    assert.strictEqual(await text('#status'), '2 of 2 backends up')
    const times = await page.locator('.course output').allInnerTexts()
    for (const time of times) assert.match(time, /^\d[\d.,]* ms$/)
    const ids = await page.locator('.course .id').allInnerTexts()
    assert.deepStrictEqual(ids.slice(0, 3), ['1000', '2000', '3000'])
    // The stylesheet is there, too.
    assert.strictEqual(await page.evaluate(() => getComputedStyle(document.querySelector('.courses')).display), 'grid')
  })

  test('keeps calling: the numbers change', async () => {
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
    await page.getByText('2 of 2 backends up', { exact: true }).waitFor()
  })

  test('fires 1,000 calls at once and shows how they went', async () => {
    await page.getByRole('button', { name: 'Fire 1,000 calls' }).click()
    await page.locator('.figures').waitFor()
    const figures = await text('.figures')
    assert.match(figures, /Answered\s+1,000/)
    const [, north, south] = /By north\s+(\d+)\s+By south\s+(\d+)/.exec(figures)
    assert.strictEqual(Number(north) + Number(south), 1000)
    assert.strictEqual(await page.locator('.column').count(), 32)
  })

  /** The row of an instance, and who answered the cards of the last round. */
  const row = (name) => page.locator('.instance').filter({ has: page.getByText(name, { exact: true }) })
  const answeredBy = (names) =>
    page.waitForFunction((names) => {
      const cards = [...document.querySelectorAll('.course:not(.lost)')]
      return (
        cards.length === 16 &&
        [...new Set(cards.map((card) => card.querySelector('.by').textContent))].sort().join() === names
      )
    }, names)

  /** Keeps what the page says from now on, however soon it says something else. Returns what waits until it has said something. */
  const listen = async () => {
    await page.evaluate(() => {
      window.said = []
      new MutationObserver(() => window.said.push(document.body.innerText)).observe(document.body, {
        subtree: true,
        childList: true,
        characterData: true,
      })
    })
    return (pattern) => page.waitForFunction((pattern) => window.said.some((text) => pattern.test(text)), pattern)
  }

  test('shows the services, their instances, and who answered', async () => {
    const { registry, front } = await demo.state()
    assert.deepStrictEqual(await page.locator('.service .name').allInnerTexts(), ['courses', 'web'])
    assert.deepStrictEqual(await page.locator('.service small').allInnerTexts(), ['2 of 2 up', '1 of 1 up'])
    for (const { id, pid, address } of registry.services[0].instances) {
      assert.match(await row(id).innerText(), new RegExp(`up\\s+pid ${pid} · ${address} · [\\d,]+ answered`))
    }
    assert.match(await row('front').innerText(), new RegExp(`pid ${front.pid} · ${new URL(demo.url).host}`))
    assert.strictEqual(await row('front').getByRole('button').count(), 0)
    await answeredBy('north,south')
    await page.getByText('8 of the last 16').first().waitFor()
    await page.getByText('Add a backend').click()
    assert.strictEqual(await text('#command'), `node demo/backend.js ${registry.address} west`)
    await page.getByText('Add a backend').click()
  })

  test('a backend that is killed, by keyboard: it is gone, the other answers, it comes back, and no call has failed', async () => {
    const { pid } = (await demo.backends()).north
    const kill = page.getByRole('button', { name: 'Kill north' })
    const said = await listen()
    await kill.focus()
    await page.keyboard.press('Enter')
    await page.waitForFunction(() => document.activeElement.ariaDisabled === 'true')
    await said(/north\s+gone\s+killed by SIGKILL, starts again in \d s/)
    await said(/1 of 2 backends up/)
    await said(/north is gone \(killed by SIGKILL\)\. south answers its calls, and none is lost\./)
    await said(/16 of the last 16/)
    await page.getByText('2 of 2 backends up', { exact: true }).waitFor()
    // The focus stays where it was, so that the keyboard goes on from there.
    assert.ok(await kill.evaluate((button) => button === document.activeElement))
    const back = (await demo.backends()).north
    assert.notStrictEqual(back.pid, pid)
    assert.ok(!alive(pid))
    await page.locator('#log').getByText(`north is back, pid ${back.pid}`).waitFor()
    assert.strictEqual(await page.locator('#alert').isVisible(), false)
    await answeredBy('north,south')
    assert.strictEqual(await text('#failed'), '0')
  })

  test('both backends killed with a thousand calls in flight: they wait, and all are answered', async () => {
    await page.selectOption('#delay', '1000')
    await page.getByRole('button', { name: 'Fire 1,000 calls' }).click()
    await page.waitForFunction(() => Number(document.getElementById('in-flight').textContent.replace(',', '')) > 500)
    const said = await listen()
    for (const { pid } of Object.values(await demo.backends())) process.kill(pid, 'SIGKILL')
    // Who comes now is told why there is nothing to see.
    const late = await browser.newPage()
    await late.goto(demo.url)
    await late.locator('#courses-empty').getByText('north is gone (killed by SIGKILL)').waitFor()
    assert.strictEqual(await late.locator('.course').count(), 0)
    await late.locator('.course').first().waitFor()
    assert.strictEqual(await late.locator('#courses-empty').isVisible(), false)
    await late.close()
    await said(/None of 2 backends up/)
    await said(/The calls wait for the first one that is back/)
    await said(/\bwaiting\b/)
    await page.getByText('2 of 2 backends up', { exact: true }).waitFor()
    await page.waitForFunction(() => !document.querySelector('[data-count="1000"]').disabled)
    assert.match(await text('.figures'), /Answered\s+1,000/)
    assert.match(await text('.figures'), /Made again\s+[1-9]/)
    assert.strictEqual(await page.locator('.problem').count(), 0)
    await page.selectOption('#delay', '0')
    await answeredBy('north,south')
    assert.strictEqual(await text('#failed'), '0')
  })

  test('a backend that somebody adds gets its share, and leaves', async (t) => {
    const { address } = (await demo.state()).registry
    const west = launchProcess(t, [process.execPath, 'demo/backend.js', address, 'west'])
    await row('west').getByText('up', { exact: true }).waitFor()
    await answeredBy('north,south,west')
    assert.strictEqual(await text('#status'), '3 of 3 backends up')
    west.child.kill('SIGTERM')
    await page.locator('#log').getByText('west has left the registry').waitFor()
    await answeredBy('north,south')
    assert.strictEqual(await row('west').count(), 0)
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

  test('on a phone, the controls come before the cards, and words do not overlap', async () => {
    const phone = await browser.newPage({ viewport: { width: 360, height: 740 } })
    await phone.goto(demo.url)
    await phone.locator('.course output').first().waitFor()
    const top = async (selector) => (await phone.locator(selector).first().boundingBox()).y
    assert.ok((await top('.kill')) < (await top('.course')))
    const apart = await phone.evaluate(() =>
      [...document.querySelectorAll('.meta')].every((meta) => {
        const [level, lessons] = [...meta.children].map((child) => child.getBoundingClientRect())
        return lessons.top >= level.bottom || lessons.left - level.right >= 8
      }),
    )
    assert.ok(apart)
    assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    // Nor does anything stick out of what it is in.
    const outside = await phone.evaluate(() =>
      [...document.querySelectorAll('.box, .instance *, .course *, .tile *, .panel button')]
        .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > innerWidth - 16)
        .map((element) => element.outerHTML),
    )
    assert.deepStrictEqual(outside, [])
    await phone.close()
  })

  test('nothing went wrong inside the page', () => {
    assert.deepStrictEqual(problems, [])
  })

  test('Ctrl-C ends it, with the page open, and the page says so', async () => {
    const pids = [(await demo.state()).front.pid, ...Object.values(await demo.backends()).map(({ pid }) => pid)]
    signalGroup(demo.child.pid, 'SIGINT')
    await demo.ended
    await until(() => !pids.some(alive))
    await page.getByText('The front does not answer').waitFor()
  })
})
