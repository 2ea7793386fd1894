import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const textOf = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8')

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let instructions: string
before(async () => {
  folder = await temporaryFolder()
  instructions = (await textOf('docs/Containerfile')).replace(/\\\n/g, '')
})
after(() => folder.remove())

/** The exit code of what the container is asked for its health by. */
function healthOf(url: string): Promise<number> {
  const [, json = '[]'] = /^HEALTHCHECK .*CMD (\[.*\])$/m.exec(instructions) ?? []
  const [command = '', ...args]: string[] = JSON.parse(json)
  const env = { ...process.env, HELIOSTAT_BIND_PORT: new URL(url).port }
  return new Promise((resolve) => {
    execFile(command, args, { env }, (error) => resolve(error ? Number(error.code) : 0))
  })
}

describe('the container', () => {
  it('is built from what it copies, and from nothing else', async () => {
    const copied = [...instructions.matchAll(/^COPY ((?!--from).*) \S+$/gm)].flatMap(
      ([, paths = '']) => paths.split(' '),
    )
    const lines = (await textOf('.dockerignore')).split('\n').filter((line) => /^[^#]/.test(line))
    assert.deepEqual(lines, ['*', ...copied.map((path) => `!${path.replace('./', '')}`)])
  })

  it('is healthy while the service answers', async () => {
    const server = await startOnNode(folder.path)
    assert.equal(await healthOf(server.url), 0)
    await server.stop()
    assert.equal(await healthOf(server.url), 1)
  })
})
