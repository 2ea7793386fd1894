import assert from 'node:assert/strict'
import { afterEach, describe, it, mock } from 'node:test'
import { createAbsences } from '../../../src/mirror/chunks/absences.ts'
import { createFeed } from '../../../src/mirror/feed/reader.ts'
import { createUpstreamSites } from '../../../src/mirror/upstream/sites.ts'
import { openTestRegistry } from '../../support/registry.ts'

const YEAR_MS = 365 * 24 * 3600 * 1000

function setClock(by: number): void {
  mock.timers.enable({ apis: ['Date'], now: Date.now() + by })
}

describe('a clock that jumps', () => {
  afterEach(() => mock.timers.reset())

  it('does not make what is nowhere to be had be asked for at once, or never', () => {
    const absences = createAbsences(60_000)
    absences.add('chunk')
    setClock(YEAR_MS)
    assert.ok(absences.has('chunk'))
    mock.timers.reset()
    setClock(-YEAR_MS)
    const brief = createAbsences(0)
    brief.add('chunk')
    mock.timers.reset()
    assert.ok(!brief.has('chunk'))
  })

  it('does not keep those waiting who wait for a change', async () => {
    const site = await openTestRegistry()
    const waiting = createFeed(site.registry).untilMoved(0, 300, new AbortController().signal)
    setClock(-YEAR_MS)
    await waiting
    mock.timers.reset()
    await site.close()
  })

  it('does not make an upstream be left alone for longer', async () => {
    const { ask } = createUpstreamSites({ urls: ['http://127.0.0.1:2'], token: null })
    const asking = () =>
      ask('head', async () => 'answer', { limit: { total: 1_000 } }).catch((error) => error)
    await asking()
    setClock(-YEAR_MS)
    assert.equal((await asking()).headers['Retry-After'], '1')
  })
})
