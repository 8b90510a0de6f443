// Whether everyone can read and use the screens: with a keyboard, on a phone, in
// the dark, and with what axe-core looks for.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { screens as addresses } from './addresses.js'
import { directory, openBrowser, openPage, seed, settled, startHub } from './stage.js'

const axe = await readFile(new URL(import.meta.resolve('axe-core/axe.min.js')), 'utf8')
const endpoint = 'service=shop&method=POST&endpoint=/checkout'
const screens = [
  ...Object.values(addresses),
  '#/endpoints?w=24h&service=swift',
  '#/endpoint?w=24h&service=swift&method=DELETE&endpoint=/widest',
]

let dir, hub, data, browser
before(async () => {
  dir = await directory()
  hub = await startHub(dir.path)
  data = await seed(hub.url, { rate: 1, age: '30h', many: 200, live: true })
  // Three digits below 1 ms are the widest of figures.
  const swift = Array.from({ length: 200 }, (_, i) => ({
    service: 'swift',
    endpoint: '/widest',
    method: 'DELETE',
    response_time_ms: 0.1234 + i / 1000,
    status_code: i % 30 ? 200 : 500,
    user_id: `user-${i % 4}`,
  }))
  await fetch(`${hub.url}/api/v1/requests`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(swift),
  })
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await data?.stop()
  await hub?.stop()
  await dir?.remove()
})

test('axe finds nothing serious, neither in the light nor in the dark', async () => {
  // Only the test's own script needs to pass the policy.
  const page = await openPage(browser, { bypassCSP: true })
  for (const hash of screens) {
    await page.goto(`${hub.url}/${hash}`)
    await settled(page)
    await page.evaluate(axe)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
      const serious = violations.filter((v) => ['serious', 'critical'].includes(v.impact))
      assert.deepEqual(
        serious.map(
          (v) =>
            `${v.id}: ${v.help}: ${v.nodes
              .slice(0, 3)
              .map((n) => n.html.slice(0, 160))
              .join(' | ')}`,
        ),
        [],
        `${hash}, ${colorScheme}`,
      )
    }
  }
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

describe('on a phone', () => {
  for (const hash of screens) {
    test(`${hash} needs no scrolling sideways`, async () => {
      const page = await openPage(browser, { viewport: { width: 375, height: 700 } })
      await page.goto(`${hub.url}/${hash}`)
      await settled(page)
      const { wide, out, cut } = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth,
        out: [...document.querySelectorAll('main *')]
          .filter(
            (e) =>
              e.getBoundingClientRect().right > 376 &&
              e.getClientRects().length &&
              getComputedStyle(e).overflow === 'visible' &&
              !e.closest('svg'),
          )
          .slice(0, 3)
          .map((e) => e.outerHTML.slice(0, 120)),
        cut: [...document.querySelectorAll('th.num, td.num:has(.unit), .figure')]
          .filter((e) => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1)
          .map((e) => e.textContent),
      }))
      assert.ok(wide <= 375, `the page is ${wide} px wide: ${out}`)
      const tabs = await page
        .getByRole('navigation', { name: 'Screens' })
        .getByRole('link')
        .evaluateAll((all) => all.map((e) => [e.textContent, e.getBoundingClientRect().right]))
      assert.ok(tabs.length > 1)
      for (const [name, right] of tabs) assert.ok(right <= 375, `the tab ${name} ends at ${right} px`)
      assert.deepEqual(cut, [], 'figures have the room they need')
      assert.deepEqual(page.problems, [])
      await page.context().close()
    })
  }
})

test('everything can be reached with the keyboard, and the focus is seen', async () => {
  const page = await openPage(browser)
  await page.goto(`${hub.url}/#/endpoints?w=24h&service=shop`)
  await settled(page)
  const names = []
  for (let i = 0; i < 80; i++) {
    await page.keyboard.press('Tab')
    const seen = await page.evaluate(() => {
      const e = document.activeElement
      if (e === document.body) return null // the end
      const style = getComputedStyle(e)
      return {
        name: (e.getAttribute('aria-label') ?? e.textContent ?? '').trim().slice(0, 60) || e.placeholder,
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0,
      }
    })
    if (seen === null) break
    assert.ok(seen.ring, `the focus on ${seen.name} is not seen`)
    names.push(seen.name)
  }
  for (const name of ['Skip to the content', 'Overview', 'Health', '24 h', 'Slow only', 'p95', 'Endpoint'])
    assert.ok(names.includes(name), `${name} is not among ${names}`)
  const row = names.findIndex((n) => n.includes('/search'))
  assert.ok(row >= 0, `no row is among ${names}`)
  // A row is a link: Enter opens the endpoint, and back leads here again.
  await page.getByRole('link', { name: 'GET /search' }).focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'GET /search' }).waitFor()
  const focused = () => page.evaluate(() => `${document.activeElement.id}: ${document.activeElement.ariaLabel}`)
  assert.equal(
    await focused(),
    'main: GET /search',
    'what had the focus is gone: the new screen has it, and says its name',
  )
  await page.goBack()
  await page.getByRole('heading', { name: 'Endpoints', exact: true }).waitFor()
  assert.equal(await focused(), 'main: Endpoints')
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

test('charts say in words what they show', async () => {
  const page = await openPage(browser)
  await page.goto(`${hub.url}/#/endpoint?w=24h&${endpoint}`)
  await settled(page)
  const labels = await page.locator('[role=img]').evaluateAll((all) => all.map((e) => e.getAttribute('aria-label')))
  assert.ok(labels.length >= 4)
  // A digit alone proves nothing: the 95th percentile has two, even of no data.
  const figures = /: latest .*\d.*, lowest .*\d.*, highest .*\d|of [\d,]+ requests?.*: .*\d|status code: \d/
  for (const label of labels) assert.match(label, figures, label)
  await page.context().close()
})

test('times are the viewer’s, with UTC on hover', async () => {
  const page = await openPage(browser, { timezoneId: 'Asia/Tokyo' })
  await page.goto(`${hub.url}/#/requests?w=24h`)
  await settled(page)
  const time = page.locator('tbody time').first()
  const at = new Date(await time.getAttribute('datetime'))
  assert.match(await time.getAttribute('title'), new RegExp(`${at.toISOString().slice(0, 10)} .*UTC$`))
  assert.ok((await time.innerText()).includes(at.toLocaleTimeString('en-GB', { timeZone: 'Asia/Tokyo' })))
  await page.context().close()
})
