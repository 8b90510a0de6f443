import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { directory, openBrowser, openPage, seed, settled, startHub } from './stage.js'

let dir, hub, browser
before(async () => {
  dir = await directory()
  hub = await startHub(dir.path)
  await (await seed(hub.url, { rate: 1, age: '30h', many: 1900 })).stop()
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await hub?.stop()
  await dir?.remove()
})

// A window that stands still, so that page and test ask for the same.
const now = Math.ceil(Date.now() / 60_000) * 60_000
const from = now - 20 * 3_600_000
const still = `from=${from}&to=${now}`
const ask = async (path) => (await fetch(hub.url + path)).json()

async function open(hash, options) {
  const page = await openPage(browser, options)
  await page.goto(`${hub.url}/${hash}`)
  await settled(page)
  return page
}
async function close(page) {
  assert.deepEqual(page.problems, [], 'the console has no error')
  await page.context().close()
}
const number = (text) => Number(text.replaceAll(',', '').match(/[\d.]+/)?.[0])
/** What the duration in a figure is, in one unit or in two. */
const milliseconds = (text) => {
  const size = { ns: 1e-6, µs: 0.001, ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 }
  const parts = [...text.matchAll(/([\d.]+)\s*(ns|µs|ms|s|min|h|d)\b/g)]
  assert.ok(parts.length > 0, `${text} is not a duration`)
  return parts.reduce((sum, [, n, unit]) => sum + Number(n) * size[unit], 0)
}
const near = (a, b) => assert.ok(Math.abs(a - b) <= Math.max(Math.abs(b) * 0.006, 0.006), `${a} is not near ${b}`)

/** The time in Berlin, where the pages are, as an input takes it. */
const berlin = (at) => new Date(at).toLocaleString('sv', { timeZone: 'Europe/Berlin' }).replace(' ', 'T')

describe('figures', () => {
  test('the overview shows the numbers of the API', async () => {
    const page = await open(`#/overview?${still}`)
    const { total } = await ask(`/api/v1/timeseries?${still}`)
    const tile = async (name) =>
      page
        .locator('dl > div', { has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) })
        .locator('.figure > span')
        .first()
        .innerText()
    near(milliseconds(await tile('p50')), total.p50)
    near(milliseconds(await tile('p95')), total.p95)
    near(milliseconds(await tile('p99')), total.p99)
    near(number(await tile('Error rate')), total.error_rate * 100)
    near(number(await tile('Apdex')), total.apdex)
    assert.match(await page.locator('dl').innerText(), new RegExp(`${total.requests.toLocaleString('en')} requests`))
    await close(page)
  })

  test('a chart of few requests has one unit from its foot to its top', async () => {
    const page = await openPage(browser)
    // What stands on axes is drawn, not written into the page.
    await page.addInitScript(() => {
      window.drawn = []
      const fillText = CanvasRenderingContext2D.prototype.fillText
      CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
        window.drawn.push(text)
        return fillText.call(this, text, ...place)
      }
    })
    // One in ten minutes and thirty in ten minutes: alone, each has a unit of its own.
    const service = 'seldom'
    const at = (hours) => new Date(now - hours * 3_600_000).toISOString()
    const few = [at(9), ...Array(30).fill(at(5))].map((timestamp) => ({
      service,
      endpoint: '/few',
      method: 'GET',
      response_time_ms: 5,
      status_code: 200,
      timestamp,
    }))
    assert.equal(
      (
        await fetch(`${hub.url}/api/v1/requests`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify(few),
        })
      ).status,
      202,
    )
    await page.goto(`${hub.url}/#/overview?${still}&service=${service}`)
    await settled(page)
    const { requests, step } = await ask(`/api/v1/timeseries?${still}&service=${service}`)
    const most = Math.max(...requests) / step
    assert.ok(most > 0 && most < 0.1, `${most} a second are no few`)
    const panel = page.locator('section', { has: page.getByRole('heading', { name: 'Requests', exact: true }) })
    const words = [
      ...(await page.evaluate(() => window.drawn)),
      await panel.locator('.legend').innerText(),
      await panel.getByRole('img').getAttribute('aria-label'),
    ].join(' ')
    const units = words.match(/(?<=\d\u202f)\/(s|min|h)\b/g)
    assert.ok(units.length >= 6, words)
    assert.deepEqual([...new Set(units)].length, 1, words)
    await close(page)
  })

  test('the table of endpoints shows the numbers of the API, and marks too few requests', async () => {
    const page = await open(`#/endpoints?${still}&service=shop&sort=-requests`)
    const rows = (await ask(`/metrics/endpoints?${still}&service=shop`)).sort(
      (a, b) => b.total_requests - a.total_requests,
    )
    const shown = await page.locator('tr.row').all()
    assert.equal(shown.length, rows.length)
    for (const [i, row] of shown.entries()) {
      const cells = await row.locator('td').allInnerTexts()
      assert.match(cells[0], new RegExp(rows[i].method))
      assert.ok(cells[0].includes(rows[i].endpoint))
      assert.equal(number(cells[1]), rows[i].total_requests)
      near(milliseconds(cells[4]), rows[i].p95_response_time)
      near(number(cells[7]), rows[i].error_rate * 100)
    }
    await page.goto(`${hub.url}/#/endpoints?${still}&service=backoffice-1&sort=requests`)
    await settled(page)
    assert.match(await page.locator('tr.row').first().innerText(), /too few/)
    await close(page)
  })

  test('one endpoint: its requests are those of the API', async () => {
    const where = `${still}&service=shop&method=GET&endpoint=/search`
    const page = await open(`#/endpoint?${where}`)
    const slowest = await ask(`/api/v1/requests?${where}&order=slowest&limit=8`)
    const table = page.locator('section', { has: page.getByRole('heading', { name: 'Slowest requests' }) })
    const rows = await table.locator('tbody tr').all()
    assert.equal(rows.length, slowest.requests.length)
    for (const [i, row] of rows.entries()) {
      const cells = await row.locator('td').allInnerTexts()
      near(milliseconds(cells[3]), slowest.requests[i].response_time_ms)
      near(milliseconds(cells[2]), slowest.requests[i].first_byte_ms)
      assert.equal(
        await row.locator('time').getAttribute('datetime'),
        slowest.requests[i].timestamp.replace(/(:\d\d)Z$/, '$1.000Z'),
      )
    }
    await close(page)
  })
})

test('a distribution is a table, too, whose first row begins at 0', async () => {
  const where = `${still}&service=shop&method=GET&endpoint=/search`
  const page = await open(`#/endpoint?${where}`)
  const { bounds, distribution } = await ask(`/api/v1/heatmap?${where}`)
  const rows = await page.getByRole('table', { name: 'Requests by latency' }).getByRole('row').all()
  const held = distribution.counts.flatMap((n, i) => (n > 0 ? [{ n, i }] : []))
  assert.equal(rows.length, held.length + 1)
  for (const [at, { n, i }] of held.entries()) {
    const took = await rows[at + 1].getByRole('rowheader').innerText()
    assert.equal(number(await rows[at + 1].getByRole('cell').first().innerText()), n)
    near(milliseconds(took.split(' to ').at(-1)), bounds[i])
    assert.equal(took.startsWith('at most'), i === 0, took)
  }
  await close(page)
})

describe('the address is the state', () => {
  test('sorting and filtering go into it, and an address that is shared shows the same', async () => {
    const page = await open(`#/endpoints?${still}&service=shop`)
    await page.getByRole('link', { name: 'p95', exact: true }).click()
    await page.getByRole('searchbox').fill('orders')
    await page.waitForFunction(() => location.hash.includes('q=orders') && location.hash.includes('sort=-p95'))
    await page.waitForFunction(() => document.querySelectorAll('tr.row').length === 1)
    assert.equal(await page.locator('th', { hasText: 'p95' }).first().getAttribute('aria-sort'), 'descending')
    const other = await open(new URL(page.url()).hash)
    assert.equal(await other.locator('tr.row').count(), 1)
    assert.equal(await other.getByRole('searchbox').inputValue(), 'orders')
    await close(other)
    await page.goBack()
    await page.waitForFunction(() => !location.hash.includes('sort='))
    await page.waitForFunction(() => document.querySelectorAll('tr.row').length === 8)
    await page.goForward()
    await page.waitForFunction(() => document.querySelectorAll('tr.row').length === 1)
    await close(page)
  })

  test('drawing over a range zooms every chart, and reset goes back', async () => {
    const page = await open(`#/endpoint?${still}&service=shop&method=GET&endpoint=/search`)
    const before = await page.locator('dl').first().innerText()
    const box = await page.locator('.chart').first().locator('.u-over').boundingBox()
    await page.mouse.move(box.x + box.width * 0.25, box.y + 50)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.5, box.y + 80, { steps: 5 })
    await page.mouse.up()
    await page.waitForFunction((f) => !location.hash.includes(`from=${f}`), from)
    await settled(page)
    const params = new URLSearchParams(new URL(page.url()).hash.split('?')[1])
    const width = now - from
    near(Number(params.get('from')) - from, width * 0.25)
    near(Number(params.get('to')) - from, width * 0.5)
    const { total } = await ask(
      `/api/v1/timeseries?from=${params.get('from')}&to=${params.get('to')}&service=shop&method=GET&endpoint=/search`,
    )
    const after = await page.locator('dl').first().innerText()
    assert.notEqual(after, before)
    assert.ok(after.includes(`${total.requests.toLocaleString('en')} requests`))
    await page.getByRole('link', { name: 'Reset' }).click()
    await page.waitForFunction(() => !location.hash.includes('from='))
    await close(page)
  })

  test('a time can be typed, with the keyboard alone', async () => {
    const page = await open('#/overview?w=24h')
    await page.getByRole('button', { name: 'Custom…' }).focus()
    await page.keyboard.press('Enter')
    const begin = page.getByLabel('From', { exact: true })
    await begin.fill('2026-11-01T10:00:00')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'longer than 7 days' }).waitFor()
    const wanted = Math.round((now - 3_600_000) / 1000) * 1000
    await begin.fill(berlin(wanted))
    await page.getByLabel('To', { exact: true }).fill(berlin(wanted + 1_800_000))
    await page.keyboard.press('Enter')
    await page.waitForFunction((f) => location.hash.includes(`from=${f}&to=${f + 1_800_000}`), wanted)
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Custom…')
    await close(page)
  })

  test('requests: filters, pages and exports', async () => {
    const page = await open(`#/requests?${still}`)
    await page.getByLabel('Status').selectOption('5xx')
    await page.getByLabel('At least, ms').fill('100')
    await page.getByLabel('At least, ms').press('Enter')
    await page.getByRole('button', { name: 'Slowest first' }).click()
    await page.waitForFunction(() => ['status=5xx', 'min=100', 'order=slowest'].every((s) => location.hash.includes(s)))
    await settled(page)
    const first = await ask(`/api/v1/requests?${still}&status=5xx&min_ms=100&order=slowest&limit=100`)
    assert.equal(await page.locator('tbody tr').count(), first.requests.length)
    assert.ok(first.next, 'there is a second page')
    await page.getByRole('link', { name: 'Next page' }).click()
    await page.waitForFunction(() => location.hash.includes('cursor='))
    await settled(page)
    const second = await ask(
      `/api/v1/requests?${still}&status=5xx&min_ms=100&order=slowest&limit=100&cursor=${encodeURIComponent(first.next)}`,
    )
    const cells = await page.locator('tbody tr').first().locator('td').allInnerTexts()
    near(milliseconds(cells[4]), second.requests[0].response_time_ms)
    assert.doesNotMatch(
      await page.getByRole('link', { name: '24 h', exact: true }).getAttribute('href'),
      /cursor/,
      'another time begins at its beginning',
    )
    for (const name of ['CSV', 'NDJSON']) {
      const download = page.waitForEvent('download')
      await page.getByRole('link', { name, exact: true }).click()
      assert.match((await download).suggestedFilename(), new RegExp(`\\.${name.toLowerCase()}$`))
    }
    await close(page)
  })
})

test('a table of 1,900 endpoints has only the rows in sight in the page, and scrolls to all', async () => {
  const page = await open(`#/endpoints?${still}&sort=name`)
  const rows = await ask(`/metrics/endpoints?${still}`)
  assert.ok(rows.length > 1900, `${rows.length} endpoints`)
  assert.ok((await page.locator('tr.row').count()) < 80)
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight))
  const last = rows
    .map((r) => `${r.endpoint} ${r.method} ${r.service}`)
    .sort()
    .at(-1)
    .split(' ')[0]
  await page.locator('tr.row .path', { hasText: last }).last().waitFor()
  assert.equal(await page.locator('tr.row').last().getAttribute('aria-rowindex'), String(rows.length + 1))
  await close(page)
})

test('back leads to where one was, another screen begins at its top', async () => {
  const page = await open(`#/endpoints?${still}&sort=name`)
  await page.evaluate(() => scrollTo(0, 5000))
  await page.waitForFunction(() => document.querySelector('tbody td.space')?.offsetHeight > 1000)
  await page
    .locator('tr.row a')
    .nth(20)
    .evaluate((row) => row.click())
  await page.waitForFunction(() => location.hash.startsWith('#/endpoint?') && scrollY === 0)
  await settled(page)
  await page.evaluate(() => scrollTo(0, 300))
  await page.waitForTimeout(100)
  await page.goBack()
  await page.waitForFunction(() => scrollY === 5000)
  await page.goForward()
  await page.waitForFunction(() => scrollY === 300)
  await close(page)
})

test('rows keep their places while someone points at one', async () => {
  const page = await open('#/endpoints?w=24h&service=shop&sort=-requests')
  const names = () => page.locator('tr.row .path').allInnerTexts()
  const before = await names()
  await page.locator('tr.row').nth(2).hover()
  const last = before.at(-1)
  const many = Array.from({ length: 300 }, () => ({
    service: 'shop',
    endpoint: '/overtaken',
    method: 'GET',
    response_time_ms: 5,
    status_code: 200,
  }))
  const bodies = Array.from({ length: 30 }, () => JSON.stringify(many))
  for (const body of bodies) {
    assert.equal(
      (
        await fetch(`${hub.url}/api/v1/requests`, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body,
        })
      ).status,
      202,
    )
  }
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange'))) // asks anew
  await page.waitForTimeout(6000)
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await page.waitForFunction(() => document.querySelector('.tally').textContent.startsWith('8 of 9'))
  assert.deepEqual(await names(), before)
  assert.equal((await names()).at(-1), last)
  await page.mouse.move(2, 2)
  await page.locator('tr.row .path', { hasText: '/overtaken' }).waitFor()
  await close(page)
})

test('names that hold HTML are text', async () => {
  const page = await open('#/overview?w=24h')
  for (const hash of [
    '#/endpoints?w=24h&q=onerror',
    '#/requests?w=24h&service=%3Cb%3Eevil%3C/b%3E',
    '#/health',
    '#/cardinality',
    `#/endpoint?w=24h&service=%3Cb%3Eevil%3C/b%3E&method=GET&endpoint=${encodeURIComponent(`/<img src=x onerror="document.title='owned'">`)}`,
  ]) {
    await page.goto(`${hub.url}/${hash}`)
    await settled(page)
    assert.equal(await page.locator('main img, main script, main b:text("evil")').count(), 0, hash)
    assert.doesNotMatch(await page.title(), /^owned/)
  }
  assert.ok(
    (await page.locator('main').innerText()).includes('<script>document.title='),
    'the user stands there as text',
  )
  await close(page)
})

test('the page works under a policy that allows nothing but its own files', async () => {
  const response = await fetch(hub.url)
  const policy = response.headers.get('content-security-policy')
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ])
    assert.ok(policy.includes(part), part)
  const html = await response.text()
  assert.doesNotMatch(html, /<style|style=|<script(?![^>]*src=)|https?:/)
  let size = 0
  for (const [, path] of html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
    const file = await fetch(hub.url + path, { headers: { 'Accept-Encoding': 'gzip' } })
    assert.match(file.headers.get('cache-control'), /immutable/)
    if (path.endsWith('.js')) size += Number(file.headers.get('content-length'))
  }
  assert.ok(size > 0 && size < 75_000, `the script is ${size} bytes compressed`)
})
