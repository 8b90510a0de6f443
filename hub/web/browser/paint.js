// How much work a browser has until Overview is painted: node browser/paint.js [loads]
// Each load has an empty cache. Work is what tasks of the page's main thread take.

import { directory, openBrowser, openPage, seed, startHub } from './stage.js'

const loads = Number(process.argv[2] ?? 9)

/** Loads the page, and returns the trace of the process that drew it. */
async function trace(browser, url, prepare) {
  const page = await openPage(browser)
  await page.goto('about:blank')
  await prepare?.(page)
  await browser.startTracing(page, {
    categories: ['devtools.timeline', 'disabled-by-default-devtools.timeline', 'loading', 'blink.user_timing'],
  })
  await page.goto(url)
  await page.locator('.u-over').first().waitFor()
  await page.waitForTimeout(300)
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString())
  await page.context().close()
  const start = traceEvents.findLast(
    (e) => e.name === 'navigationStart' && e.args.data?.documentLoaderURL?.startsWith(url),
  )
  return { start, events: traceEvents.filter((e) => e.pid === start.pid && e.ts >= start.ts) }
}

/** Milliseconds until the named event, and those of them in which there was work. */
function until({ start, events }, name) {
  const end = events.find((e) => e.name === name).ts
  const within = (names) =>
    events
      .filter((e) => e.tid === start.tid && e.ph === 'X' && names.includes(e.name) && e.ts < end)
      .reduce((sum, e) => sum + Math.min(e.dur, end - e.ts), 0) / 1000
  return {
    after: (end - start.ts) / 1000,
    work: within(['RunTask']),
    script: within(['EvaluateScript', 'v8.evaluateModule', 'FunctionCall']),
    layout: within(['Layout', 'UpdateLayoutTree']),
  }
}

function report(what, measured) {
  const line = Object.keys(measured[0]).map((key) => {
    const sorted = measured.map((m) => m[key]).sort((a, b) => a - b)
    return `${key} ${sorted[sorted.length >> 1].toFixed(0)} (${sorted[0].toFixed(0)} to ${sorted.at(-1).toFixed(0)})`
  })
  console.log(`${what}, ms: ${line.join(', ')}`)
}

const dir = await directory()
const hub = await startHub(dir.path)
const browser = await openBrowser()
try {
  await (await seed(hub.url)).stop()
  const first = []
  const charts = []
  for (let i = 0; i < loads; i++) {
    first.push(until(await trace(browser, hub.url), 'firstContentfulPaint'))
    charts.push(
      until(
        await trace(browser, hub.url, (page) =>
          page.addInitScript(() => {
            const seen = new MutationObserver(
              () => document.querySelector('.u-over') && performance.mark('charts') && seen.disconnect(),
            )
            seen.observe(document, { subtree: true, childList: true })
          }),
        ),
        'charts',
      ),
    )
  }
  report('first paint', first)
  report('figures and charts', charts)
} finally {
  await browser.close()
  await hub.stop()
  await dir.remove()
}
