import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { patchImage } from '../support/images.ts'
import { siteAt, untilActive } from '../support/mirrors.ts'
import { eventually } from '../support/server.ts'
import { type HostileSite, startHostileSite, WITHIN_MS } from './hostile-site.ts'

let site: HostileSite
before(async () => {
  site = await startHostileSite()
})
after(() => site.close())

/** The sentence that an operator reads of a mode, once the origin has changed. What was served is served meanwhile. */
async function sentenceOf(mode: string, wanted: RegExp): Promise<void> {
  await site.setMode(mode)
  const change = [{ op: 'replace', path: '/name', value: mode }]
  assert.equal((await patchImage(siteAt(site.origin.url), site.image.id, change)).status, 200)
  await eventually(`${mode} is told as ${wanted}`, WITHIN_MS, async () => {
    const { error } = await site.readStatus()
    return wanted.test(error ?? '') ? true : null
  })
  const { ready, edge } = await site.readReadiness()
  assert.match(edge.error, /^[^\n{}]{1,600}$/)
  assert.equal(ready, true)
  await site.requireServed()
  await site.setMode('honest')
  // Else it would wait longer from mode to mode before it asks again.
  await eventually('all is well again', WITHIN_MS, async () => {
    const { error } = await site.readStatus()
    return error === null ? true : null
  })
}

describe('an upstream whose documents are hostile', () => {
  it('may send them without end', async () => {
    await sentenceOf('endless-document', /sends more than \d+ bytes in one/)
  })

  it('may have a million values, keys or levels', async () => {
    await sentenceOf('many-values', /refused: it has more than 20000 members in one/)
    await sentenceOf('deep-values', /refused: it is nested deeper than 500 levels/)
    await sentenceOf('many-keys', /refused: it has more than 20000 members in one/)
  })

  it('may compress a gigabyte', async () => {
    await sentenceOf('gzip-bomb', /answers compressed: wanted no Content-Encoding/)
  })

  it('may send headers without end, a redirect, or more than it announced', async () => {
    await sentenceOf('endless-headers', /Headers Overflow|header/i)
    await sentenceOf('redirect', /unexpected redirect/)
    await sentenceOf('too-long-body', /refused|parse|Expected/i)
  })

  it('may tell records that no registry can hold', async () => {
    await sentenceOf('lying-record', /refused: changes\.0\.image\.tags: has one twice/)
  })
})

describe('an upstream whose snapshots are hostile', () => {
  it('may send a line without end: the edge says so, and goes on once it is well', async () => {
    await site.setMode('endless-line')
    const fresh = await site.startFollowing('fresh', `${site.hostile.url}/honest`)
    const told = /line 2 of the snapshot: sends more than \d+ bytes in one/
    await eventually('it is told', WITHIN_MS, () => (told.test(fresh.log()) ? true : null))
    await site.setMode('honest')
    await untilActive(fresh.url, site.image.id, WITHIN_MS)
  })

  it('may send it byte by byte: the edge answers all the while', async () => {
    const fresh = await site.startFollowing('tiny', `${site.hostile.url}/tiny-pieces`)
    await setTimeout(3_000)
    assert.equal((await fetch(`${fresh.url}/readyz`)).status, 503)
  })
})

describe('all the while', () => {
  it('the edges are well', async () => void (await site.requireWell()))
})
