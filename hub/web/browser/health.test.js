// The Health screen: what it asks the hub, and what it says of each check.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { configuration, directory, openBrowser, openPage, polled, seed, settled, startHub } from './stage.js'

// The seed ends before the tests do; its service must not be called silent by then.
const seeded = '{name: accounts, silence: 10h, down_after: 20h}'

let dir, hub, service, browser
before(async () => {
  dir = await directory()
  service = await polled('orders', { status: 'degraded', checks: { cache: 'degraded', database: { status: 'UP' } } })
  hub = await startHub(dir.path, { settings: configuration({ services: [service.settings, seeded] }) })
  await (await seed(hub.url, { rate: 1, age: '20h', many: 10 })).stop()
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await hub?.stop()
  service?.close()
  await dir?.remove()
})

/** A page that remembers for which checks it asked, and how many answers it waited for at most. */
async function watched(url) {
  const page = await openPage(browser)
  page.asked = []
  page.atOnce = 0
  let waiting = 0
  await page.route('**/api/v1/health/history?*', async (route) => {
    page.asked.push(new URL(route.request().url()).searchParams.get('name'))
    page.atOnce = Math.max(page.atOnce, ++waiting)
    await new Promise((go) => setTimeout(go, 20))
    waiting--
    await route.continue().catch(() => {}) // The page no longer wants it.
  })
  await page.goto(`${url}/#/health`)
  await settled(page)
  return page
}
async function close(page) {
  assert.deepEqual(page.problems, [], 'the console has no error')
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await page.context().close()
}
const row = (page, name) => page.locator('.list > li', { has: page.getByRole('heading', { name, exact: true }) })

test('the checks of a service that the hub polls have states, and no past', async () => {
  const page = await watched(hub.url)
  await row(page, 'orders/cache').getByText('degraded', { exact: true }).waitFor()
  await row(page, 'orders/database').getByText('healthy', { exact: true }).waitFor()
  assert.match(await row(page, 'orders/cache').innerText(), /its history is not kept/)
  assert.ok(page.asked.includes('orders') && !page.asked.some((name) => name.startsWith('orders/')), page.asked)
  assert.equal(await page.getByText('there is no check').count(), 0)
  await page.setViewportSize({ width: 375, height: 700 })
  assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 375, 'a phone has the room')
  await page.setViewportSize({ width: 1280, height: 800 })
  const all = await page.locator('.list > li').count()
  const tally = await page.locator('.tools > a').allInnerTexts()
  assert.equal(
    tally.reduce((sum, text) => sum + Number(text.match(/\d+/)), 0),
    all,
    tally,
  )
  await page.getByRole('link', { name: /degraded$/ }).click()
  await row(page, 'orders/database').waitFor({ state: 'detached' })
  assert.equal(await row(page, 'orders/cache').count(), 1)
  await close(page)
})

test('of the screen’s checks those in sight are asked for, three at a time, and not again and again', async () => {
  const many = await directory()
  const names = Array.from({ length: 300 }, (_, i) => `check-${String(i).padStart(3, '0')}`)
  const other = await startHub(many.path, {
    settings: configuration({
      checks: names.map((name) => `{name: ${name}, type: tcp, url: "tcp://127.0.0.1:9", interval: 1h}`),
    }),
  })
  try {
    // A check that was not run yet changes its state soon, and is asked for again then.
    for (let i = 0; (await fetch(`${other.url}/health/started`)).status !== 200; i++) {
      assert.ok(i < 200, 'the checks were not run')
      await new Promise((go) => setTimeout(go, 100))
    }
    const page = await watched(other.url)
    assert.equal(await page.locator('.list > li').count(), 303)
    const first = [...page.asked]
    assert.ok(first.length >= 5 && first.length < 40, `${first.length} were asked for`)
    assert.ok(page.atOnce <= 3, `${page.atOnce} at once`)
    // The states are asked for every five seconds; these are not.
    const again = () => page.waitForResponse((r) => new URL(r.url()).pathname === '/health')
    await again()
    await again()
    const known = page.asked.filter((name) => names.includes(name))
    assert.equal(known.length, new Set(known).size, `each once, not ${known}`)
    assert.ok(!page.asked.includes('check-299'))
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
    await row(page, 'check-299').locator('svg[role=img]').waitFor()
    assert.ok(page.asked.includes('check-299') && !page.asked.includes('check-150'), 'what flies by is not asked for')
    await close(page)
  } finally {
    await other.stop()
    await many.remove()
  }
})

test('since is when the present state began, or nothing, and a new state asks for the past', async () => {
  const page = await watched(hub.url)
  await page.unroute('**/api/v1/health/history?*')
  const name = 'accounts/database'
  const { transitions } = await (await fetch(`${hub.url}/api/v1/health/history?name=${name}`)).json()
  assert.equal(transitions[0].to, 'healthy')
  const older = transitions.find((t) => t.to === 'degraded')
  assert.ok(older, 'it was degraded before')
  const since = row(page, name).locator('.who time')
  await since.waitFor()
  // It is degraded now, and the hub does not have that in its history yet.
  await page.route('**/health', async (route) => {
    const response = await route.fetch()
    const body = await response.json()
    body.checks.accounts.details.checks.database.status = 'degraded'
    await route.fulfill({ response, json: body })
  })
  const asked = page.waitForRequest((r) => r.url().includes(encodeURIComponent(name)), { timeout: 15_000 })
  await row(page, name).getByText('degraded', { exact: true }).waitFor({ timeout: 15_000 })
  await asked
  await settled(page)
  assert.equal(await since.count(), 0)
  await close(page)
})

test('the past is drawn as it was, however the check stands now', async () => {
  const page = await openPage(browser)
  await page.route('**/api/v1/health/history?*', async (route) => {
    const response = await route.fetch()
    const h = await response.json()
    const to = Date.parse(h.window.to)
    // Healthy until it was killed, a moment ago.
    const segments = [{ from: to - 95_000, to: to - 5000, status: 'healthy', reason: '' }]
    await route.fulfill({
      response,
      json: { ...h, status: 'unknown', transitions: [], transitions_total: 0, segments },
    })
  })
  await page.goto(`${hub.url}/#/health`)
  await settled(page)
  assert.equal(
    await row(page, 'disk').locator('svg[role=img]').last().getAttribute('aria-label'),
    'disk: healthy at all known times',
  )
  await page.unrouteAll({ behavior: 'ignoreErrors' })
  await close(page)
})

test('a viewer’s clock that is wrong makes nothing older', async () => {
  const page = await openPage(browser)
  await page.clock.setFixedTime(Date.now() + 3 * 3_600_000)
  await page.goto(`${hub.url}/#/overview`)
  const down = page.getByRole('region', { name: 'Health' }).getByRole('link', { name: /gateway/ })
  await down.waitFor()
  assert.match(await down.innerText(), /down\s+\d+\s(s|min)/)
  await page.context().close()
})

test('who may runs a check now, also one that was added over the API', async () => {
  const added = { name: 'printer', type: 'tcp', url: 'tcp://127.0.0.1:9', interval: '1h' }
  const address = `${hub.url}/api/v1/checks`
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(added) }
  assert.equal((await fetch(address, post)).status, 201)
  const page = await watched(hub.url)
  for (const [name, origin, outcome] of [
    ['disk', 'From the hub’s configuration', /^healthy in /],
    ['printer', 'Added over the API: tcp://127.0.0.1:9', /^down in .*: tcp at 127\.0\.0\.1:9: connection refused; /],
  ]) {
    await row(page, name).getByRole('link', { name, exact: true }).click()
    const said = row(page, name).getByRole('status')
    await said.filter({ hasText: origin }).waitFor()
    const ran = page.waitForResponse((r) => r.url() === `${address}/${name}/run`)
    await row(page, name).getByRole('button', { name: 'Run now' }).click()
    assert.equal((await ran).status(), 200)
    await said.filter({ hasText: outcome }).waitFor()
  }
  // It is removed between the click and the run.
  await page.route('**/printer/run', async (route) => {
    assert.equal((await fetch(`${address}/printer`, { method: 'DELETE' })).status, 204)
    await route.continue()
  })
  const refused = page.waitForResponse((r) => r.url() === `${address}/printer/run`)
  await row(page, 'printer').getByRole('button', { name: 'Run now' }).click()
  assert.equal((await refused).status(), 404)
  await row(page, 'printer').waitFor({ state: 'detached' })
  assert.deepEqual(
    page.problems.splice(0).filter((p) => !/status of 404/.test(p)),
    [],
  )
  await close(page)
})

test('who may only read sees where a check comes from, and no button', async () => {
  const other = await directory()
  const tokens = { KYMO_TOKENS_READ: 'open-sesame', KYMO_TOKENS_ADMIN: 'open-barley' }
  const guarded = await startHub(other.path, { env: tokens })
  try {
    for (const [token, buttons] of [
      ['open-sesame', 0],
      ['open-barley', 1],
    ]) {
      const page = await openPage(browser)
      await page.goto(`${guarded.url}/#/health`)
      await page.getByLabel('Read token').fill(token)
      await page.keyboard.press('Enter')
      await row(page, 'disk').getByRole('link', { name: 'disk', exact: true }).click()
      await row(page, 'disk').getByRole('status').filter({ hasText: 'From the hub’s configuration' }).waitFor()
      const button = row(page, 'disk').getByRole('button', { name: 'Run now' })
      assert.equal(await button.count(), buttons)
      if (buttons) {
        await button.click()
        await row(page, 'disk')
          .getByRole('status')
          .filter({ hasText: /^healthy in / })
          .waitFor()
      }
      assert.deepEqual(
        page.problems.filter((p) => !/status of 401/.test(p)),
        [],
      )
      await page.context().close()
    }
  } finally {
    await guarded.stop()
    await other.remove()
  }
})
