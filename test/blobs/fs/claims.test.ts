import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { access, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { claimFile } from '../../../src/blobs/fs/claims.ts'
import { temporaryFolder } from '../../support/site.ts'

describe('claim on a file', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  before(async () => {
    folder = await temporaryFolder()
  })
  after(() => folder.remove())

  it('is granted, and leaves nothing when it is released', async () => {
    const path = join(folder.path, 'free')
    const release = await claimFile(path)
    await access(path)
    await release?.()
    await assert.rejects(access(path))
  })

  it('is refused while a living process of this machine has it', async () => {
    const path = join(folder.path, 'taken')
    await writeFile(path, `${hostname()} ${process.ppid}`)
    assert.equal(await claimFile(path), null)
  })

  it('is taken over from a process that is dead', async () => {
    const { pid } = spawnSync('true')
    const path = join(folder.path, 'dead')
    await writeFile(path, `${hostname()} ${pid}`)
    assert.notEqual(await claimFile(path), null)
  })

  it('is taken over from an earlier process of the same number, as in containers', async () => {
    const path = join(folder.path, 'earlier')
    await writeFile(path, `${hostname()} ${process.pid}`)
    assert.notEqual(await claimFile(path), null)
  })

  it('is refused while another machine has it, and taken over when that was long ago', async () => {
    const path = join(folder.path, 'elsewhere')
    await writeFile(path, 'another-machine 1')
    assert.equal(await claimFile(path), null)
    const longAgo = new Date(Date.now() - 200_000)
    await utimes(path, longAgo, longAgo)
    assert.notEqual(await claimFile(path), null)
  })

  it('is taken over also where the clock has been set back since', async () => {
    const path = join(folder.path, 'future')
    await writeFile(path, 'another-machine 1')
    const nextYear = new Date(Date.now() + 365 * 24 * 3600 * 1000)
    await utimes(path, nextYear, nextYear)
    assert.notEqual(await claimFile(path), null)
  })

  it('is refused while it has no name yet, and taken over from a process that was killed then', async () => {
    const path = join(folder.path, 'unnamed')
    await writeFile(path, '')
    assert.equal(await claimFile(path), null)
    const twoSecondsAgo = new Date(Date.now() - 2_000)
    await utimes(path, twoSecondsAgo, twoSecondsAgo)
    assert.notEqual(await claimFile(path), null)
  })

  it('is granted where no file can be made, since nothing is shared there', async () => {
    assert.notEqual(await claimFile(join(folder.path, 'no', 'such', 'folder')), null)
  })
})
