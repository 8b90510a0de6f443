// Pictures of every screen, for people to look at: build/screenshots.

import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { screens } from './addresses.js'
import { directory, openBrowser, openPage, root, seed, settled, startHub } from './stage.js'

const only = process.argv.slice(2)
const looks = [
  { name: 'light', options: { colorScheme: 'light' } },
  { name: 'dark', options: { colorScheme: 'dark' } },
  { name: 'phone', options: { colorScheme: 'light', viewport: { width: 375, height: 800 }, deviceScaleFactor: 2 } },
]

const out = join(root, 'build/screenshots')
if (only.length === 0) await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
const dir = await directory()
const hub = await startHub(dir.path)
const data = await seed(hub.url, { live: true })
const browser = await openBrowser()
try {
  await new Promise((go) => setTimeout(go, 6000)) // until services have been judged
  for (const look of looks) {
    const page = await openPage(browser, look.options)
    for (const [name, hash] of Object.entries(screens)) {
      if (only.length > 0 && !only.includes(name) && !only.includes(look.name)) continue
      await page.goto(hub.url + '/' + hash)
      await settled(page).catch((e) => console.error(`${name}: ${e.message}`))
      const height = await page.evaluate(() => document.documentElement.scrollHeight)
      await page.screenshot({
        path: join(out, `${name}-${look.name}.png`),
        clip: {
          x: 0,
          y: 0,
          width: page.viewportSize().width,
          height: Math.min(height, name.startsWith('endpoints') || name.startsWith('requests') ? 1000 : 2400),
        },
        fullPage: true,
      })
      if (page.problems.length > 0) console.error(`${name}-${look.name}:`, page.problems.splice(0))
    }
    if (only.length === 0) {
      // What is seen seldom: a hub that is gone, and one that asks for a token.
      await page.goto(hub.url + '/' + screens.overview)
      await settled(page)
      await page.context().setOffline(true)
      await page.getByText('has not answered').waitFor()
      await page.screenshot({ path: join(out, `gone-${look.name}.png`) })
      await page.context().setOffline(false)
      const session = { required: true, signed_in: false, version: '' }
      await page.route('**/api/v1/session', (route) => route.fulfill({ json: session }))
      await page.goto(hub.url + '/?' + screens.overview)
      await page.getByLabel('Read token').waitFor()
      await page.screenshot({ path: join(out, `sign-in-${look.name}.png`) })
    }
    await page.context().close()
  }
  if (only.length === 0) {
    const big = await openPage(browser, { viewport: { width: 3840, height: 2160 } })
    await big.goto(hub.url + '/' + screens.overview)
    await settled(big)
    await big.screenshot({ path: join(out, 'overview-4k.png') })
  }
} finally {
  await browser.close()
  await data.stop()
  await hub.stop()
  await dir.remove()
}
