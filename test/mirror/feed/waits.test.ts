import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { createImageRepo } from '../../../src/images/repo.ts'
import { createFeed, type Feed } from '../../../src/mirror/feed/reader.ts'
import { openRegistry } from '../../../src/registry/database.ts'
import { openEmbedded } from '../../../src/registry/embedded.ts'
import { openTestRegistry, queuedImage, type TestRegistry } from '../../support/registry.ts'
import { eventually } from '../../support/server.ts'

const never = new AbortController().signal

let site: TestRegistry
let feed: Feed
let looks: number
let isBroken: boolean
let close: () => void

beforeEach(async () => {
  site = await openTestRegistry()
  const client = openEmbedded(site.file)
  close = () => client.close()
  looks = 0
  isBroken = false
  const counting = openRegistry({
    ...client,
    execute: async (...statement: Parameters<typeof client.execute>) => {
      looks++
      if (isBroken) throw new Error('The disk is broken')
      return client.execute(...statement)
    },
  })
  feed = createFeed(counting)
})

afterEach(async () => {
  feed.endWaits()
  close()
  await site.close()
})

/** So many who wait for a change, and how many of them have been let go. */
function wait(count: number, milliseconds: number, signal = never) {
  const waiting = { gone: 0, all: Promise.resolve<unknown>(null) }
  const each = () => feed.untilMoved(0, milliseconds, signal).finally(() => waiting.gone++)
  waiting.all = Promise.allSettled(Array.from({ length: count }, each))
  return waiting
}

describe('thousands who wait for a change', () => {
  it('cost as much as one', async () => {
    const waiting = wait(2_000, 60_000)
    await setTimeout(1_500)
    assert.equal(waiting.gone, 0)
    assert.ok(looks <= 2_000 + 20, `${looks} looks`)
  })

  it('are all woken by it', async () => {
    const waiting = wait(2_000, 60_000)
    await setTimeout(200)
    await createImageRepo(site.registry).create(queuedImage())
    const started = performance.now()
    await waiting.all
    assert.ok(performance.now() - started < 10_000)
  })

  it('are let go each at its own time', async () => {
    const [short, long] = [wait(10, 300), wait(10, 60_000)]
    await short.all
    assert.equal(long.gone, 0)
  })

  it('leave nothing behind when they hang up', async () => {
    const hangingUp = new AbortController()
    const waiting = wait(100, 60_000, hangingUp.signal)
    await setTimeout(200)
    hangingUp.abort()
    await waiting.all
    await setTimeout(300)
    const before = looks
    await setTimeout(300)
    assert.equal(looks, before)
  })

  it('are all told when the database fails, and may wait again', async () => {
    const waiting = wait(10, 60_000)
    await setTimeout(50)
    isBroken = true
    await waiting.all
    isBroken = false
    await wait(10, 200).all
  })

  it('are answered at once where they are too many', async () => {
    const waiting = wait(10_050, 60_000)
    await eventually('some are answered', 30_000, () => (waiting.gone > 0 ? true : null))
    await setTimeout(500)
    assert.equal(waiting.gone, 50)
  })
})
