// What screenshots and tests stand on: the real hub on a free port of this
// machine, made-up data in it, and Debian's Chromium. It ends only what it began.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = fileURLToPath(new URL('../../../', import.meta.url))
const bin = (name) => join(process.env.KYMO_BIN ?? join(root, 'bin'), name)

/** Ends a process that this one began, should this one end before it. */
function endWithUs(child) {
  const end = () => child.kill()
  process.on('exit', end)
  child.once('exit', () => process.off('exit', end))
}

/** A directory for a hub; remove it at the end. */
export async function directory() {
  const path = await mkdtemp(join(tmpdir(), 'kymo-browser-'))
  return { path, remove: () => rm(path, { recursive: true, force: true }) }
}

/** A hub's configuration, with further services and checks. */
export const configuration = ({ services = [], checks = [] } = {}) => `
slow: {target: 500ms, min_samples: 20}
services: [${services.join(', ')}]
checks:
  - {name: disk, type: disk, path: /, min_free: 0.000001, interval: 2s}
  - {name: gateway, type: tcp, url: "tcp://127.0.0.1:9", interval: 2s}
${checks.map((check) => `  - ${check}\n`).join('')}`

/** A service with a health page, which a hub can poll; close it at the end. */
export async function polled(name, page) {
  const server = createServer((_, response) =>
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(page)),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    settings: `{name: ${name}, health: "http://127.0.0.1:${server.address().port}/health"}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Starts a hub that keeps its data in dir. */
export async function startHub(dir, { listen = '127.0.0.1:0', env = {}, settings = configuration() } = {}) {
  const ready = join(dir, 'ready')
  await rm(ready, { force: true })
  await writeFile(join(dir, 'kymo.yaml'), settings)
  const hub = spawn(
    bin('kymo'),
    [
      'serve',
      '--config',
      join(dir, 'kymo.yaml'),
      '--listen',
      listen,
      '--store',
      join(dir, 'data'),
      '--ready-file',
      ready,
    ],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  endWithUs(hub)
  let log = ''
  hub.stderr.on('data', (text) => (log += text))
  const ended = once(hub, 'exit')
  for (let i = 0; !existsSync(ready); i++) {
    if (hub.exitCode !== null || i > 200) throw new Error(`the hub did not start:\n${log}`)
    await new Promise((go) => setTimeout(go, 50))
  }
  const url = (await readFile(ready, 'utf8')).trim()
  return {
    url,
    log: () => log,
    async stop(signal = 'SIGTERM') {
      if (hub.exitCode === null && hub.signalCode === null) {
        hub.kill(signal)
        await ended
      }
    },
  }
}

/** Fills a hub; with live, it goes on until it is stopped. */
export async function seed(url, { live = false, rate = 3, age = '167h', many = 900 } = {}) {
  const args = ['-hub', url, '-rate', String(rate), '-age', age, '-many', String(many)]
  const child = spawn(bin('seed'), live ? [...args, '-live'] : args, { stdio: ['ignore', 'pipe', 'inherit'] })
  endWithUs(child)
  const ended = once(child, 'exit')
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => {
      throw new Error('seeding failed')
    }),
  ])
  if (!live) await ended
  return {
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill()
        await ended
      }
    },
  }
}

export function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--force-color-profile=srgb'],
  })
}

/** A page that remembers what went wrong in it. */
export async function openPage(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    timezoneId: 'Europe/Berlin',
    locale: 'en-GB',
    ...options,
  })
  const page = await context.newPage()
  page.problems = []
  page.on('console', (m) => ['error', 'warning'].includes(m.type()) && page.problems.push(m.text()))
  page.on('pageerror', (e) => page.problems.push(String(e)))
  return page
}

/** Waits until nothing on the screen is loading. */
export async function settled(page) {
  const quiet = () =>
    page.waitForFunction(
      () => !document.querySelector('.late, .stale, .wait') && document.querySelector('main h1, main form'),
      null,
      { timeout: 15_000 },
    )
  await quiet()
  await page.waitForTimeout(250)
  // By then what came into sight has begun to load.
  await quiet()
}
