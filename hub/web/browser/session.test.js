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

test('a hub with a read token asks for it, and shows nothing before', async () => {
  const hub = await startHub(dir.path, { env: { KYMO_TOKENS_READ: 'open-sesame' } })
  try {
    await (await seed(hub.url, { rate: 1, age: '2h', many: 10 })).stop()
    const page = await openPage(browser)
    await page.goto(`${hub.url}/#/endpoints?w=6h&sort=-p95`)
    const token = page.getByLabel('Read token')
    await token.fill('open-barley')
    await page.keyboard.press('Enter')
    await page.getByText('This is not the hub’s read token').waitFor()
    assert.equal(await page.locator('tr').count(), 0)
    await token.fill('open-sesame')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.locator('tr.row').first().waitFor()
    assert.match(page.url(), /#\/endpoints\?w=6h&sort=-p95$/, 'one is where one wanted to go')
    const [cookie] = await page.context().cookies()
    assert.ok(cookie.httpOnly && cookie.sameSite === 'Strict', JSON.stringify(cookie))
    assert.doesNotMatch(cookie.value, /sesame/)
    await page.reload()
    await page.locator('tr.row').first().waitFor()
    await settled(page)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await token.waitFor()
    assert.deepEqual(await page.context().cookies(), [])
    await page.reload()
    await token.waitFor()
    assert.deepEqual(
      page.problems.filter((p) => !/status of 401/.test(p)),
      [],
    )
    await page.context().close()
  } finally {
    await hub.stop()
  }
})

/** Enters the token into the form, wherever the keyboard is. */
async function signIn(page) {
  const token = page.getByLabel('Read token')
  await token.fill('open-sesame')
  await token.press('Enter')
}

/** A hub with a read token, and a page that is not signed in. */
async function guarded(run) {
  const hub = await startHub(dir.path, { env: { KYMO_TOKENS_READ: 'open-sesame' } })
  const page = await openPage(browser)
  try {
    await page.goto(`${hub.url}/#/health`)
    await page.getByLabel('Read token').waitFor()
    await run(page)
    assert.deepEqual(
      page.problems.filter((p) => !/Failed to load resource/.test(p)),
      [],
    )
  } finally {
    await page.context().close()
    await hub.stop()
  }
}

test('a cookie that the browser refuses is no session, and the form says so', () =>
  guarded(async (page) => {
    await page.route('**/api/v1/session', (route) =>
      route.request().method() === 'POST' ? route.fulfill({ status: 204 }) : route.continue(),
    )
    await signIn(page)
    await page.getByRole('alert').filter({ hasText: 'did not store the session’s cookie' }).waitFor()
    assert.ok(await page.getByLabel('Read token').isVisible())
  }))

test('a user who could not be signed out sees a message', () =>
  guarded(async (page) => {
    await signIn(page)
    await page.locator('main li h2').first().waitFor()
    await page.route('**/api/v1/session', (route) =>
      route.request().method() === 'DELETE' ? route.abort() : route.continue(),
    )
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('alert').filter({ hasText: 'You may still be signed in. The hub does not answer.' }).waitFor()
    await page.unroute('**/api/v1/session')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByLabel('Read token').waitFor()
    assert.equal(await page.getByText('still be signed in').count(), 0)
  }))

test('a page offers to be loaded anew once the hub is another version', async () => {
  const hub = await startHub(dir.path)
  const page = await openPage(browser)
  try {
    await page.goto(`${hub.url}/#/health`)
    await settled(page)
    const session = await (await fetch(`${hub.url}/api/v1/session`)).json()
    await page.route('**/api/v1/session', (route) => route.fulfill({ json: { ...session, version: 'v9.9.9' } }))
    const comeBack = () => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await comeBack()
    await page.getByText('The hub now runs version v9.9.9.').waitFor()
    await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Reload' }).click()])
    await settled(page)
    assert.equal(await page.getByText('now runs version').count(), 0)
    assert.deepEqual(page.problems, [])
  } finally {
    await page.context().close()
    await hub.stop()
  }
})

test('now is when the hub says it is, whatever the viewer’s clock', async () => {
  const hub = await startHub(dir.path)
  const page = await openPage(browser)
  try {
    const hour = 3_600_000
    const end = Math.floor(Date.now() / 1000) * 1000 - hour
    await page.clock.install({ time: Date.now() - 5 * hour })
    await page.goto(`${hub.url}/#/overview?from=${end - hour}&to=${end}`)
    await settled(page)
    const to = () => page.evaluate(() => Number(new URLSearchParams(location.hash.split('?')[1]).get('to')))
    await page.getByRole('button', { name: 'Later' }).click()
    assert.equal(await to(), end + hour / 2)
    for (let i = 0; i < 3; i++) await page.getByRole('button', { name: 'Later' }).click()
    assert.ok(Math.abs((await to()) - Date.now()) < 60_000, 'no later than now')
  } finally {
    await page.context().close()
    await hub.stop()
  }
})
