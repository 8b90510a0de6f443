import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { folder, openBrowser, openPage, seed, settled, startHub } from './stage.js'

let dir, browser
before(async () => {
  dir = await folder()
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
    await page.getByText('That is not the read token').waitFor()
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
    assert.deepEqual(page.problems.filter((p) => !/status of 401/.test(p)), [])
    await page.context().close()
  } finally {
    await hub.stop()
  }
})
