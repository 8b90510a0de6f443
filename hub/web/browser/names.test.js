// Names come from outside: whatever they hold, they are text, no two look alike, and
// every one leads to what it names.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { configuration, directory, openBrowser, openPage, polled, settled, startHub } from './stage.js'

const owned = 'window.owned=1'
const names = [
  `<script>${owned}</script>`,
  `</title><script>${owned}</script>`,
  `<img src=x onerror="${owned}">`,
  `"><svg onload='${owned}'>`,
  '\'"`${owned=1}{@html 1}{{1}}',
  `javascript:${owned}//`,
  `data:text/html,<script>${owned}</script>`,
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'null',
  '?service=x&w=1h#/health',
  '%3Cb%3E%E2%80%AE%00',
  '../..\\',
  'bidi \u202egnp.exe',
  'isolates \u2067a\u2069',
  'C1 \u009b31mred',
  'C0 \u001b[31mred\r\b',
  'tags \u{e0041}\u{e0042}',
  'lines \u2028and\u2029more',
  'blank \u3164\u2800\u200b',
  'joined a\u200db\ufe0f',
  'so long a name/'.repeat(16),
]
/** Some of what the hub's rule replaces, which has a test of its own in Go. */
const unfit =
  /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\u{e0000}-\u{e007f}]|[\u00ad\u200b\u2060\u2800\u3164\ufeff]|[ -~](?:\u200d|\ufe0f)/u
const nth = (i) => `n${i} ${names[i]}`

let dir, hub, browser, page, service
before(async () => {
  dir = await directory()
  const checks = {}
  for (const i of names.keys()) {
    const check = {
      status: 'down',
      response_time_ms: 1,
      details: { [names[i]]: names[i] },
      reason: `because of ${nth(i)}`,
    }
    Object.defineProperty(checks, names[i], { value: check, enumerable: true }) // __proto__, too
  }
  service = await polled('polled', { status: 'degraded', checks })
  hub = await startHub(dir.path, { settings: configuration({ services: [service.settings] }) })
  const send = async (rows) => {
    const headers = { 'Content-Type': 'application/json' }
    return fetch(`${hub.url}/api/v1/requests`, { method: 'POST', headers, body: JSON.stringify(rows) })
  }
  const method = 'GET'
  for (const [i, name] of names.entries()) {
    // What a client of the service controls is cleaned, a service's own name is refused.
    const answer = await send([
      { service: name, endpoint: `/${name}`, method, response_time_ms: 700, status_code: 500, user_id: name },
      { service: nth(i), endpoint: `/${nth(i)}`, method, response_time_ms: 5, status_code: 200, user_id: nth(i) },
    ])
    assert.equal(answer.status, unfit.test(name) || name.length > 100 ? 422 : 202, `${i}: ${await answer.text()}`)
    const endpoint = `/${nth(i)}`
    const one = { service: 'all', endpoint, method, response_time_ms: 5, status_code: 200, user_id: nth(i) }
    const kept = await send([one])
    assert.equal(kept.status, 202, `${i}: ${await kept.text()}`)
  }
  browser = await openBrowser()
  page = await openPage(browser)
  // What stands on axes is drawn, not written into the page.
  await page.addInitScript(() => {
    window.drawn = []
    const fillText = CanvasRenderingContext2D.prototype.fillText
    CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
      window.drawn.push(text)
      return fillText.call(this, text, ...place)
    }
  })
})
after(async () => {
  await browser?.close()
  await hub?.stop()
  service?.close()
  await dir?.remove()
})

async function open(hash) {
  await page.goto(`${hub.url}/${hash}`)
  await settled(page)
}

/** Checks everything that the page shows or says: its texts, titles, labels and fields. */
async function harmless(where, refusal = /^$/) {
  const texts = await page.evaluate(() => {
    const found = [document.title, ...window.drawn]
    for (const e of document.querySelectorAll('*')) {
      for (const a of e.attributes) found.push(a.value)
      for (const node of e.childNodes) if (node.nodeType === Node.TEXT_NODE) found.push(node.data)
      if ('value' in e) found.push(String(e.value))
    }
    return found
  })
  assert.ok(texts.length > 50, where)
  for (const text of texts) assert.doesNotMatch(text.replaceAll('\n', ' '), unfit, `${where}: ${JSON.stringify(text)}`)
  assert.equal(await page.evaluate(() => window.owned), undefined, `${where}: a script ran`)
  assert.equal(await page.locator('main img, main script, [onerror], [onload]').count(), 0, where)
  for (const link of await page.locator('a').evaluateAll((all) => all.map((a) => a.protocol)))
    assert.match(link, /^http:$/, where)
  const problems = page.problems.filter((p) => !refusal.test(p))
  assert.deepEqual(problems, [], `${where}: the console has no error`)
}

test('no screen has a name as anything but clean text', async () => {
  for (const hash of [
    '#/overview?w=1h',
    '#/endpoints?w=1h&sort=name',
    '#/endpoints?w=1h&sort=-p95&q=owned',
    '#/requests?w=1h',
    '#/requests?w=1h&status=5xx&order=slowest',
    '#/cardinality',
    '#/health',
    '#/health?check=polled',
  ]) {
    await open(hash)
    await harmless(hash)
  }
})

test('every name has a row of its own, which leads to its requests', async () => {
  const rows = await (await fetch(`${hub.url}/metrics/endpoints?minutes=60&service=all`)).json()
  assert.equal(rows.length, names.length)
  await open('#/endpoints?w=1h&service=all&sort=name')
  const links = await page.locator('tr.row a').evaluateAll((all) => all.map((a) => [a.title, a.getAttribute('href')]))
  assert.deepEqual(links.map(([title]) => title).sort(), rows.map((r) => `GET ${r.endpoint} of all`).sort())
  for (const i of names.keys()) {
    const found = links.find(([title]) => title.startsWith(`GET /n${i} `))
    assert.ok(found, `the name ${i} has a row`)
    const [title, href] = found
    await open(href)
    await harmless(href)
    const heading = await page.locator('h1').textContent()
    assert.equal(`${heading} of all`, title)
    assert.equal(await page.title(), `${heading} · Kymo`.replaceAll(/\s+/g, ' '))
    assert.match(await page.locator('dl').first().innerText(), /\b1 (request|since)\b/, href)
    // The user's name leads to all requests of that user.
    const user = page.locator('td.user a').first()
    const name = await user.textContent()
    assert.ok(name.startsWith(`n${i} `), name)
    await user.click({ position: { x: 8, y: 8 } }) // a long one is cut off
    await page.waitForFunction(() => location.hash.startsWith('#/requests?'))
    await settled(page)
    await harmless(page.url())
    assert.equal(await page.locator('tbody tr').count(), 1, page.url())
    assert.equal(await page.locator('tbody a').last().textContent(), name)
  }
})

test('what the address says is shown clean, too', async () => {
  for (const name of names) {
    const text = encodeURIComponent(name)
    const raw = name.replaceAll(/[&#%+]/g, encodeURIComponent)
    for (const hash of [
      `#/endpoint?w=1h&service=${text}&method=${text}&endpoint=/${text}`,
      `#/endpoint?w=1h&service=${raw}&method=${raw}&endpoint=/${raw}`,
      `#/requests?w=1h&service=${text}&endpoint=/${text}&method=${text}&user=${text}&status=${text}&min=${text}`,
      `#/endpoints?w=1h&service=${text}&q=${text}&sort=${text}&from=${text}`,
      `#/health?state=${text}&check=${text}&hours=${text}`,
      `#/${text}?w=${text}`,
    ]) {
      await page.goto(`${hub.url}/${hash}`)
      await page.waitForFunction(() => document.querySelector('main h1'))
      await harmless(hash, /Failed to load resource.* (404|422)/)
    }
  }
})
