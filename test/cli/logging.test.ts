import assert from 'node:assert/strict'
import { mkdir, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { findDeno, startOnDeno } from '../support/deno.ts'
import { LAUNCHER, serveArguments } from '../support/launcher.ts'
import { type RunningProcess, startServer } from '../support/process.ts'
import { eventually, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const deno = findDeno()

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

const pathOf = (name: string) => join(folder.path, name)
const logTo = (file: string) => ({ HELIOSTAT_LOG_FILE: file })

async function ask({ url }: RunningProcess, path: string): Promise<void> {
  const response = await fetch(`${url}/v2/images/${path}`)
  assert.equal(response.status, 404)
  await response.arrayBuffer()
}

async function askAll(server: RunningProcess, paths: string[]): Promise<void> {
  for (const path of paths) await ask(server, path)
}

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}-${index}`)

/** The images that were asked for by the log. */
async function loggedIn(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  assert.ok(text === '' || text.endsWith('\n'), 'the last line is cut off')
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => {
    const { path = '' }: { path?: string } = JSON.parse(line)
    return path.startsWith('/v2/images/') ? [path.slice('/v2/images/'.length)] : []
  })
}

/** What a process has printed at last comes after its end. */
const hasLogged = (server: RunningProcess, what: RegExp) =>
  eventually(String(what), 5000, () => (what.test(server.log()) ? true : null))

async function rotates(
  name: string,
  start: (dataDir: string, env: Record<string, string>) => Promise<RunningProcess>,
) {
  const file = pathOf(`${name}.log`)
  const server = await start(pathOf(name), logTo(file))
  await askAll(server, names('old', 20))
  await rename(file, `${file}.1`)
  process.kill(server.pid, 'SIGHUP')
  await eventually('there is a new file', 5000, () =>
    readFile(file).then(
      () => true,
      () => null,
    ),
  )
  assert.deepEqual(await loggedIn(`${file}.1`), names('old', 20))
  await askAll(server, names('new', 20))
  assert.equal(await server.stop(), 0)
  assert.deepEqual(await loggedIn(file), names('new', 20))
}

async function survivesClosedPipes(server: RunningProcess): Promise<void> {
  server.closePipes()
  await askAll(server, names('unread', 5))
  assert.equal(await server.stop(), 0)
}

/** A shell that leads stderr to a disk that is always full, and becomes the server. */
const onFullDisk = (command: string, ...args: string[]) =>
  startServer('sh', ['-c', 'exec "$@" 2>/dev/full', 'sh', command, ...args])

describe('the log of a server', { concurrency: 2 }, () => {
  it('has each request within a second', async () => {
    const file = pathOf('soon.log')
    const server = await startOnNode(pathOf('soon'), logTo(file))
    await askAll(server, names('soon', 3))
    await eventually('all are logged', 1000, async () =>
      (await loggedIn(file)).length === 3 ? true : null,
    )
    await server.kill()
  })

  it('goes on in a new file after SIGHUP, and nothing is lost', () =>
    rotates('rotating', startOnNode))

  it('goes on in the old file where SIGHUP finds no folder for a new one', async () => {
    await mkdir(pathOf('logs'))
    const server = await startOnNode(pathOf('stays'), logTo(pathOf('logs/stays.log')))
    await rename(pathOf('logs'), pathOf('moved'))
    process.kill(server.pid, 'SIGHUP')
    await ask(server, 'after')
    assert.equal(await server.stop(), 0)
    assert.deepEqual(await loggedIn(pathOf('moved/stays.log')), ['after'])
  })

  it('may be a pipe that was closed', async () => {
    await survivesClosedPipes(await startOnNode(pathOf('unread')))
  })

  it('may be a pipe that nobody reads, and tells how much is lost when somebody does', async () => {
    const server = await startOnNode(pathOf('stalled'))
    server.pauseLog()
    for (const name of names('x'.repeat(30_000), 80)) await ask(server, name)
    server.resumeLog()
    await eventually('it is told', 10_000, async () => {
      await ask(server, 'again')
      return /[1-9]\d* lines are lost/.test(server.log()) ? true : null
    })
    assert.equal(await server.stop(), 0)
    await hasLogged(server, /Stopping on SIGTERM.*\n$/)
  })

  it('may be a file on a full disk, which is told once', async () => {
    const server = await startOnNode(pathOf('full'), logTo('/dev/full'))
    await askAll(server, names('lost', 5))
    await eventually('it is told', 5000, () => (server.log() === '' ? null : true))
    await ask(server, 'later')
    assert.equal(await server.stop(), 0)
    assert.equal(
      server.log(),
      'heliostat: The log cannot be written, and is tried again: ENOSPC: no space left on device, write\n',
    )
  })

  it('may be stderr on a full disk', async () => {
    const server = await onFullDisk(
      process.execPath,
      LAUNCHER,
      ...serveArguments(pathOf('full-stderr')),
    )
    await askAll(server, names('lost', 5))
    assert.equal(await server.stop(), 0)
  })

  it('has the mistake that ended the server (1)', async () => {
    const file = pathOf('mistake.log')
    const mistake = 'process.once("SIGUSR2", () => { throw new RangeError("a mistake") })'
    const server = await startOnNode(pathOf('mistake'), {
      ...logTo(file),
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(mistake)}`,
    })
    process.kill(server.pid, 'SIGUSR2')
    assert.equal(await server.ended, 1)
    assert.match(await readFile(file, 'utf8'), /"level":"fatal".*RangeError: a mistake\\n +at /)
    await hasLogged(server, /^heliostat: Ended by a mistake in the program: a mistake$/m)
  })
})

describe('the log of a server on Deno', { skip: deno === null, concurrency: 2 }, () => {
  it('goes on in a new file after SIGHUP, and nothing is lost', () =>
    rotates('rotating-on-deno', (dataDir, env) => startOnDeno(deno ?? '', dataDir, env)))

  it('may be a pipe that was closed', async () => {
    await survivesClosedPipes(await startOnDeno(deno ?? '', pathOf('unread-on-deno')))
  })
})
