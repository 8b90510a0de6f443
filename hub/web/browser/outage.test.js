import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { directory, openBrowser, openPage, seed, settled, startHub } from './stage.js'

let dir, browser
before(async () => {
  dir = await directory()
  browser = await openBrowser()
})
after(async () => {
  await browser?.close()
  await dir?.remove()
})

test('a hub that is killed is missed in a banner, and comes back by itself', async () => {
  let hub = await startHub(dir.path)
  const page = await openPage(browser)
  try {
    await (await seed(hub.url, { rate: 2, age: '3h', many: 10 })).stop()
    await page.goto(`${hub.url}/#/overview`)
    await settled(page)
    const rows = await page.locator('tbody tr').count()
    assert.ok(rows > 5)
    await hub.stop('SIGKILL')
    const banner = page.getByText(/The hub has not answered since \d\d:\d\d:\d\d; trying again/)
    await banner.waitFor({ timeout: 15_000 })
    assert.equal(await page.locator('tbody tr').count(), rows, 'what was seen stays')
    hub = await startHub(dir.path, { listen: new URL(hub.url).host })
    await banner.waitFor({ state: 'hidden', timeout: 15_000 })
    await settled(page)
    assert.ok((await page.locator('tbody tr').count()) > 5)
    // A browser notes each request that failed; nothing else may be wrong.
    assert.deepEqual(
      page.problems.filter((p) => !/ERR_CONNECTION_REFUSED|Failed to load resource/.test(p)),
      [],
    )
  } finally {
    await page.context().close()
    await hub.stop()
  }
})

test('the page has its bar before the script runs, and it stays in its place', async () => {
  const hub = await startHub(dir.path)
  const page = await openPage(browser)
  try {
    const mark = page.locator('.bar .mark')
    await page.route('**/*.js', (route) => route.abort())
    await page.goto(hub.url)
    const before = await mark.boundingBox()
    assert.equal(await mark.innerText(), 'kymo')
    await page.unroute('**/*.js')
    await page.goto(hub.url + '/?')
    await settled(page)
    assert.deepEqual(await mark.boundingBox(), before)
    assert.equal(await page.locator('.bar').count(), 1)
  } finally {
    await page.context().close()
    await hub.stop()
  }
})
