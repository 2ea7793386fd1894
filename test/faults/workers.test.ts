import assert from 'node:assert/strict'
import { once } from 'node:events'
import { rename, readFile } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { compareDownload, MIB, temporaryFolders, wholeDownload } from '../support/mirrors.ts'
import { SMALL_CHUNKS, environmentOf } from '../support/options.ts'
import type { RunningProcess } from '../support/process.ts'
import { randomData } from '../support/random-data.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { ask, crewOf, isAlive, numberOf, TWO_WORKERS } from '../support/workers.ts'
import { createRaw, show, upload } from './data.ts'

const CLIENTS = 8
const SIZE = 4 * MIB
const TOKEN = 'mirror-token'
const env = {
  ...TWO_WORKERS,
  ...environmentOf({ ...SMALL_CHUNKS, mirror: { tokens: TOKEN } }),
}

let folders: Awaited<ReturnType<typeof temporaryFolders>>
before(async () => {
  folders = await temporaryFolders(4)
})
after(() => folders.remove())

const ONE_WORKER = { HELIOSTAT_WORKERS: '1' }

/** Clients that each ask for one thing after the other, on connections of their own, until they are stopped. */
function startLoad(attempt: () => Promise<boolean>) {
  const found = { good: 0, lost: 0 }
  let isOver = false
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!isOver) {
      if (await attempt()) found.good++
      else found.lost++
    }
  })
  return {
    found,
    async end() {
      isOver = true
      await Promise.all(clients)
      return found
    },
  }
}

describe('two workers of one origin', () => {
  const bytes = randomData(SIZE)
  let server: RunningProcess
  let path: string

  before(async () => {
    server = await startOnNode(folders.paths[0] ?? '', env)
    const id = await createRaw(server.url)
    assert.equal((await upload(server.url, id, bytes)).status, 204)
    path = `/v2/images/${id}/file`
  })
  after(() => server.stop())

  for (const killed of ['other', 'lead'] as const) {
    it(`lose with the ${killed} one only what that is serving`, async () => {
      const crew = await crewOf(server)
      const whole = wholeDownload(SIZE)
      const load = startLoad(async () => {
        const read = await compareDownload(server.url, bytes, { path })
        assert.equal(read.wrong, false)
        return read.right === whole.right
      })
      await setTimeout(300)
      const before = { ...load.found }
      process.kill(crew[killed], 'SIGKILL')
      await eventually('others are served', 10_000, () =>
        load.found.good > before.good ? true : null,
      )
      const replaced = await crewOf(server, crew[killed])
      const { good, lost } = await load.end()
      assert.equal(before.lost, 0)
      // Each client has at most one request under way, about half of them at that worker.
      assert.ok(lost <= CLIENTS, `${lost} requests were lost, ${good} answered`)
      assert.notEqual(replaced[killed], crew[killed])
    })
  }

  it('answer as one: what was written at one is read at the other at once', async () => {
    for (let i = 0; i < 10; i++) {
      const { status, text } = await ask(`${server.url}/v2/images`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{}',
      })
      assert.equal(status, 201)
      assert.equal((await ask(`${server.url}/v2/images/${JSON.parse(text).id}`)).status, 200)
    }
  })

  it('wake who waits for a change, wherever it is made', async () => {
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const head = `${server.url}/mirror/v1/head`
    const { seq } = JSON.parse((await ask(head, { headers })).text)
    const waiting = Array.from({ length: 8 }, () =>
      ask(`${head}?since=${seq}&wait=20`, { headers }),
    )
    await setTimeout(200)
    const changedAt = performance.now()
    await createRaw(server.url)
    for (const { text } of await Promise.all(waiting)) assert.ok(JSON.parse(text).seq > seq)
    assert.ok(performance.now() - changedAt < 3_000)
  })

  it('show their sum, which does not fall with one of them', async () => {
    const counted = () => numberOf(server.url, 'heliostat_requests_total', 'route="/v2/images"')
    const before = await counted()
    for (let i = 0; i < 20; i++) await ask(`${server.url}/v2/images`)
    assert.equal((await counted()) - before, 20)
    const { other } = await crewOf(server)
    process.kill(other, 'SIGKILL')
    await eventually('it is noticed', 5_000, async () =>
      (await numberOf(server.url, 'heliostat_workers_counted')) === 1 ? true : null,
    )
    assert.equal(await numberOf(server.url, 'heliostat_workers'), 2)
    assert.equal((await counted()) - before, 20)
    await crewOf(server, other)
    assert.equal((await counted()) - before, 20)
    assert.equal(await numberOf(server.url, 'heliostat_upkeep_duty'), 1)
  })

  it('leave one out of the sum that does not answer, and say so', async () => {
    const { other } = await crewOf(server)
    process.kill(other, 'SIGSTOP')
    try {
      await eventually('the other one answers', 10_000, async () => {
        const asked = numberOf(server.url, 'heliostat_workers_counted').catch(() => 0)
        return (await Promise.race([asked, setTimeout(2_500)])) === 1 ? true : null
      })
    } finally {
      process.kill(other, 'SIGCONT')
    }
  })
})

const LARGE = 16 * MIB

describe('the end of workers', () => {
  /** An answer that nobody reads yet. */
  async function startDownload(url: string): Promise<IncomingMessage> {
    const id = await createRaw(url)
    assert.equal((await upload(url, id, new Uint8Array(LARGE).fill(7))).status, 204)
    const [answer]: IncomingMessage[] = await once(get(`${url}/v2/images/${id}/file`), 'response')
    assert.ok(answer)
    return answer
  }

  async function lengthOf(answer: IncomingMessage): Promise<number> {
    let length = 0
    for await (const part of answer) length += part.length
    return length
  }

  it('by SIGTERM lets their requests end (0)', async () => {
    const server = await startOnNode(folders.paths[1] ?? '', env)
    const { lead, other } = await crewOf(server)
    const answers = await Promise.all([1, 2].map(() => startDownload(server.url)))
    const ended = server.stop()
    await setTimeout(200)
    for (const answer of answers) assert.equal(await lengthOf(answer), LARGE)
    assert.equal(await ended, 0)
    assert.deepEqual([lead, other].filter(isAlive), [])
  })

  it('by that of their supervisor lets their requests end, too', async () => {
    const server = await startOnNode(folders.paths[2] ?? '', env)
    const { lead, other } = await crewOf(server)
    const answers = await Promise.all([1, 2].map(() => startDownload(server.url)))
    process.kill(server.pid, 'SIGKILL')
    await setTimeout(200)
    for (const answer of answers) assert.equal(await lengthOf(answer), LARGE)
    await eventually('they are gone', 5_000, () => ([lead, other].some(isAlive) ? null : true))
    await server.ended
  })

  it('at their start is told as by one process [1]', async () => {
    const taken = await startOnNode(folders.paths[3] ?? '', ONE_WORKER)
    const port = Number(new URL(taken.url).port)
    const refused = startOnNode(join(folders.paths[3] ?? '', 'second'), env, port)
    await assert.rejects(refused, /heliostat: \[DEFAULT\] bind_port: \d+ is taken on 127\.0\.0\.1/)
    await taken.stop()
  })
})

describe('the log of workers', () => {
  it('is one file, of whole lines, which all of them leave for a new one', async () => {
    const folder = folders.paths[3] ?? ''
    const file = join(folder, 'log')
    const server = await startOnNode(join(folder, 'logged'), { ...env, HELIOSTAT_LOG_FILE: file })
    const asked = async (count: number) => {
      const requests = Array.from({ length: count }, () => show(server.url, 'x').catch(() => 0))
      await Promise.all(requests)
    }
    await asked(40)
    await eventually('all are logged', 5_000, async () =>
      (await accessLines(file)) >= 40 ? true : null,
    )
    await rename(file, `${file}.1`)
    process.kill(server.pid, 'SIGHUP')
    await eventually('there is a new one', 5_000, () =>
      readFile(file).then(
        () => true,
        () => null,
      ),
    )
    await setTimeout(500)
    await asked(40)
    await eventually('all are logged again', 5_000, async () =>
      (await accessLines(file)) >= 40 ? true : null,
    )
    assert.equal(await server.stop(), 0)
  })

  /** Throws for a line that is none. */
  async function accessLines(file: string): Promise<number> {
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
    return lines.filter((line) => JSON.parse(line).logger === 'heliostat.access').length
  }
})
