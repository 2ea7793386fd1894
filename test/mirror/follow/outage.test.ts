import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import {
  type Answer,
  followFakeUpstream,
  sendJson,
  sendStatus,
} from '../../support/fake-upstream.ts'
import { collectLogs } from '../../support/logs.ts'
import { eventually } from '../../support/server.ts'

const HEAD = { epoch: 'e', seq: 1, time: 1, sites: ['origin'] }

/** As an upstream does that has no news: only who does not want to wait for any is answered. */
const withoutNews: Answer = (outgoing, incoming) => {
  if (incoming.url?.includes('wait=0')) sendJson(HEAD)(outgoing, incoming)
}

let feed: Awaited<ReturnType<typeof followFakeUpstream>>
let follower: ReturnType<typeof feed.start>
let running: Promise<void>
let logs: ReturnType<typeof collectLogs>

beforeEach(async () => {
  logs = collectLogs()
  feed = await followFakeUpstream()
  follower = feed.start()
})
afterEach(async () => {
  follower.stop()
  await running
  logs.stop()
  feed.site.close()
  await feed.database.close()
})

function run(): void {
  running = follower.run()
}

const untilAsked = (count: number) =>
  eventually(`${count} questions`, 10_000, () =>
    feed.site.asked.filter((question) => question.startsWith('head')).length >= count ? true : null,
  )

const untilError = (isThere: boolean) =>
  eventually('the status tells', 5_000, () =>
    (follower.status().error !== null) === isThere ? true : null,
  )

describe('a follower whose upstream was away', () => {
  it('knows that it is back, although it has no news', async () => {
    run()
    await eventually('it follows', 5_000, () => follower.status().seq || null)
    follower.stop()
    await running
    follower = feed.start()
    feed.site.answers.set('head', sendStatus(500))
    run()
    await untilError(true)
    feed.site.answers.set('head', withoutNews)
    await untilError(false)
    assert.equal(follower.status().upstreamSeq, 1)
  })

  it('goes on as soon as somebody looks, and sees it', async () => {
    feed.site.answers.set('head', sendStatus(500))
    run()
    await untilAsked(3)
    feed.site.answers.set('head', withoutNews)
    await follower.look()
    assert.equal(follower.status().error, null)
    const { length } = feed.site.asked
    await eventually('it goes on', 500, () => (feed.site.asked.length > length ? true : null))
  })

  it('tells of the outage once, and of its end', async () => {
    feed.site.answers.set('head', sendStatus(500))
    run()
    await untilAsked(3)
    assert.deepEqual(logs.lines, [
      `warning: Upstream ${feed.site.url} does not answer: answers 500`,
    ])
    feed.site.answers.set('head', withoutNews)
    await untilError(false)
    assert.equal(logs.lines.filter((line) => /answers again/.test(line)).length, 1)
  })

  it('remembers when it heard it last, for a start without it', async () => {
    assert.equal(await feed.replica.heardAt(), null)
    const before = Date.now()
    run()
    await eventually('it is heard', 5_000, () => follower.status().heardAt)
    feed.site.answers.set('head', sendStatus(500))
    await untilError(true)
    const heardAt = await eventually('it is written down', 5_000, feed.replica.heardAt)
    assert.ok(heardAt >= before && heardAt <= Date.now())
  })
})

describe('a follower that cannot take over what it is told', () => {
  it('says so once, and when it can again', async () => {
    feed.site.answers.set('changes', sendJson({ epoch: 'e', seq: 0, more: false, changes: [] }))
    run()
    await untilAsked(3)
    const told = () => logs.lines.filter((line) => /Cannot follow the upstream/.test(line)).length
    assert.equal(told(), 1)
    feed.tell()
    await eventually('it follows again', 10_000, () =>
      logs.lines.some((line) => /Follows the upstream again/.test(line)) ? true : null,
    )
    assert.equal(told(), 1)
  })
})
