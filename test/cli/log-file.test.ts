import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openLogFile } from '../../src/cli/log-file.ts'
import { temporaryFolder } from '../support/site.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
before(async () => {
  folder = await temporaryFolder()
})
after(() => folder.remove())

/** A log on a full disk, which goes on in a file of that name when it is opened again. */
function openFull(name: string) {
  const path = join(folder.path, name)
  const told: string[] = []
  let file = '/dev/full'
  const log = openLogFile(() => openSync(file, 'a'), {
    failing: (error) => told.push(String(error)),
    over: (lostLines) => told.push(`${lostLines} lost`),
  })
  return {
    ...log,
    told,
    moveToDisk() {
      file = path
      log.reopen()
      log.flush()
    },
    text: () => readFile(path, 'utf8'),
  }
}

describe('the file of a log', () => {
  it('has what could not be written when it can be again', async () => {
    const log = openFull('kept')
    for (const line of ['a\n', 'b\n', 'ü\n']) {
      log.write(line)
      log.flush()
    }
    log.moveToDisk()
    log.write('c\n')
    log.flush()
    assert.equal(await log.text(), 'a\nb\nü\nc\n')
    assert.deepEqual(log.told, ['Error: ENOSPC: no space left on device, write'])
  })

  it('keeps a mebibyte of it, and counts the rest', async () => {
    const log = openFull('counted')
    const line = `${'x'.repeat(1023)}\n`
    for (let count = 0; count < 1500; count++) log.write(line)
    log.moveToDisk()
    const lines = (await log.text()).split('\n').length - 1
    assert.ok(lines > 1020 && lines < 1100, `${lines} lines`)
    assert.deepEqual(log.told.at(-1), `${1500 - lines} lost`)
  })
})
