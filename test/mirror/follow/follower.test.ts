import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { createFollower } from '../../../src/mirror/follow/follower.ts'
import { createReplica } from '../../../src/mirror/follow/replica.ts'
import { createUpstream } from '../../../src/mirror/upstream/client.ts'
import { openTestRegistry, type TestRegistry } from '../../support/registry.ts'
import { eventually } from '../../support/server.ts'

const HEAD = { epoch: 'e', seq: 5, time: 1, sites: ['origin'] }
const EMPTY = { epoch: 'e', changes: [], more: true }

type Answer = (outgoing: ServerResponse, query: URLSearchParams) => void

const send =
  (value: unknown): Answer =>
  (outgoing) =>
    outgoing.end(`${JSON.stringify(value)}\n`)
const never: Answer = (outgoing) => outgoing.write('{"epoch":"e","seq":3}\n')

let database: TestRegistry
let close: () => void
let follower: ReturnType<typeof createFollower>
let asked: string[]
let answers: Record<string, Answer>

beforeEach(async () => {
  database = await openTestRegistry()
  asked = []
  answers = { head: send(HEAD), snapshot: send({ epoch: 'e', seq: 3 }) }
  const server = createServer(({ url = '' }, outgoing) => {
    const { pathname, searchParams } = new URL(url, 'http://origin')
    const question = pathname.slice('/mirror/v1/'.length)
    asked.push(question)
    answers[question]?.(outgoing, searchParams)
  })
  server.listen(0, '127.0.0.1').unref()
  await once(server, 'listening')
  close = () => server.closeAllConnections()
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : ''
  const upstream = createUpstream({ urls: [`http://127.0.0.1:${port}`], token: null })
  follower = createFollower({ upstream, replica: createReplica(database.registry), siteId: 'edge' })
})

afterEach(async () => {
  close()
  await database.close()
})

async function stopAfter(question: string): Promise<void> {
  const running = follower.run()
  await eventually(`${question} is asked`, 5_000, () => (asked.includes(question) ? true : null))
  const started = performance.now()
  follower.stop()
  await running
  assert.ok(performance.now() - started < 2_000)
}

describe('a follower that is stopped', () => {
  it('does not wait for the rest of a snapshot', async () => {
    answers['snapshot'] = never
    await stopAfter('snapshot')
    assert.equal(follower.status().seq, 0)
  })

  it('does not wait for a page of changes', async () => {
    answers['changes'] = never
    await stopAfter('changes')
  })

  it('takes no more pages', { timeout: 10_000 }, async () => {
    answers['head'] = send({ ...HEAD, seq: 1_000_000_000 })
    answers['changes'] = (outgoing, query) =>
      send({ ...EMPTY, seq: Number(query.get('after')) + 1 })(outgoing, query)
    await stopAfter('changes')
  })
})

describe('a page of changes that leads nowhere', () => {
  it('is told, and not asked for over and over', async () => {
    answers['changes'] = send({ ...EMPTY, seq: 3 })
    const running = follower.run()
    const error = await eventually('it is told', 5_000, () => follower.status().error)
    assert.match(error, /is at change 5, but tells of none after 3/)
    assert.ok(asked.filter((question) => question === 'changes').length < 5)
    follower.stop()
    await running
  })
})
