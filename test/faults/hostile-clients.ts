/**
 * A hostile client as a program: `hostile-clients.ts ATTACK URL IMAGE`. It goes on for a few seconds, says what came of
 * it in one line of JSON, and ends by itself; its parent may end it before.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { argv } from 'node:process'
import { setTimeout } from 'node:timers/promises'

const MIB = 1 << 20
const LONGEST_MS = 20_000

const [, , attack = '', target = '', image = ''] = argv
const { hostname, port } = new URL(target)

interface Opened {
  socket: Socket
  /** Heads of answers that have come. */
  answers(): number
}

async function open({ reads }: { reads: boolean }): Promise<Opened> {
  const socket = connect(Number(port), hostname)
  let answers = 0
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  if (reads) {
    socket.setEncoding('latin1').on('data', (text: string) => {
      answers += text.split('HTTP/1.1 ').length - 1
    })
  }
  return { socket, answers: () => answers }
}

const openMany = (count: number, reads = false) =>
  Promise.all(Array.from({ length: count }, () => open({ reads })))

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`

function put(id: string, length: number): string {
  return `PUT /v2/images/${id}/file HTTP/1.1\r\nHost: x\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\n\r\n`
}

async function createImage(): Promise<string> {
  const body = JSON.stringify({ disk_format: 'raw', container_format: 'bare' })
  const response = await fetch(`${target}/v2/images`, { method: 'POST', body })
  return (await response.json()).id
}

/** Waits until every connection has so many answers. */
async function untilAnswered(opened: Opened[], each: number): Promise<number> {
  const until = performance.now() + LONGEST_MS
  const isDone = ({ answers, socket }: Opened) => answers() >= each || socket.destroyed
  while (!opened.every(isDone) && performance.now() < until) await setTimeout(50)
  return opened.filter(({ answers }) => answers() >= each).length
}

const ATTACKS: Record<string, () => Promise<unknown>> = {
  /** Thousands of requests at once on each connection, of which the answers are read. */
  async pipelines() {
    const opened = await openMany(8, true)
    for (const { socket } of opened) socket.write(get(`/v2/images/${image}`).repeat(2000))
    return { answered: await untilAnswered(opened, 2000) }
  },

  /** The same for images, of which nothing is read. */
  async 'pipelined downloads'() {
    const opened = await openMany(8)
    for (const { socket } of opened) {
      socket.pause()
      socket.write(get(`/v2/images/${image}/file`).repeat(3000))
    }
    await setTimeout(5_000)
    return {}
  },

  /** Uploads that stop before their end. */
  async 'unfinished uploads'() {
    const ids = await Promise.all(Array.from({ length: 100 }, createImage))
    const opened = await openMany(100)
    const part = Buffer.alloc(8 * MIB - 1, 'x')
    opened.forEach(({ socket }, index) => {
      socket.write(put(ids[index] ?? '', 64 * MIB))
      socket.write(part)
    })
    await setTimeout(LONGEST_MS)
    return {}
  },

  /** Uploads that send a byte now and then. */
  async 'dripping uploads'() {
    const ids = await Promise.all(Array.from({ length: 100 }, createImage))
    const opened = await openMany(100)
    opened.forEach(({ socket }, index) => socket.write(put(ids[index] ?? '', 64 * MIB)))
    for (let second = 0; second < LONGEST_MS / 1000; second += 0.5) {
      for (const { socket } of opened) socket.write('x')
      await setTimeout(500)
    }
    return {}
  },

  /** Downloads of which nothing is read. */
  async 'stalled downloads'() {
    const opened = await openMany(400)
    for (const { socket } of opened) {
      socket.pause()
      socket.write(get(`/v2/images/${image}/file`))
    }
    await setTimeout(5_000)
    return {}
  },

  /** Requests that never come to an end: half a head, half a JSON body. */
  async 'unfinished requests'() {
    const opened = await openMany(400)
    opened.forEach(({ socket }, index) => {
      const head = 'POST /v2/images HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n'
      socket.write(index % 2 === 0 ? head : `${head}\r\n{"name": "${'x'.repeat(20_000)}`)
    })
    for (let times = 0; times < 10; times++) {
      for (const { socket } of opened) socket.write('x')
      await setTimeout(500)
    }
    return {}
  },
}

const end = await ATTACKS[attack]?.()
process.stdout.write(`${JSON.stringify(end ?? `No such attack: "${attack}"`)}\n`)
process.exit(end ? 0 : 1)
