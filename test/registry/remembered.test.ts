import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { site as siteValues } from '../../schema/tables.ts'
import { openRegistry } from '../../src/registry/database.ts'
import { openEmbedded } from '../../src/registry/embedded.ts'
import { rememberReads } from '../../src/registry/remembered.ts'
import { openTestRegistry, type TestRegistry } from '../support/registry.ts'

const MEMORY = { keyOf: (key: string) => key, most: 2, largest: 1_000 }

let test: TestRegistry
let reads: number
let fails: boolean

beforeEach(async () => {
  test = await openTestRegistry()
  reads = 0
  fails = false
})
afterEach(() => test.close())

const write = (registry: TestRegistry['registry'], key: string) =>
  registry.insert(siteValues).values({ key, value: '1' })

/** Counts how often it is read. */
const remembered = () =>
  rememberReads(test.registry)(async (key: string) => {
    reads++
    const rows = await test.registry.select().from(siteValues)
    if (fails) throw new Error('not now')
    return `${key} ${rows.length}`
  }, MEMORY)

describe('a remembered read', () => {
  it('is made once for all who ask at the same time', async () => {
    const read = remembered()
    const found = await Promise.all(Array.from({ length: 100 }, () => read('a')))
    assert.equal(new Set(found).size, 1)
    await read('a')
    assert.equal(reads, 1)
  })

  it('is another one for each key', async () => {
    const read = remembered()
    const found = await Promise.all([read('a'), read('b')])
    assert.deepEqual([found[0]?.[0], found[1]?.[0], reads], ['a', 'b', 2])
  })

  it('tells all who wait for it that it failed, and is made again', async () => {
    const read = remembered()
    fails = true
    const outcomes = await Promise.allSettled([read('a'), read('a')])
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    fails = false
    await read('a')
    assert.equal(reads, 2)
  })

  it('is made again after a commit, its own or that of another connection', async () => {
    const read = remembered()
    const other = openRegistry(openEmbedded(test.file))
    const before = await read('a')
    await write(test.registry, 'own')
    const between = await read('a')
    await write(other, 'other')
    const after = await read('a')
    other.$client.close()
    assert.equal(new Set([before, between, after]).size, 3)
  })

  it('that was begun before a commit is not what is told after it', async () => {
    const read = remembered()
    const begun = read('a')
    await write(test.registry, 'own')
    const after = await read('a')
    assert.deepEqual([after === (await begun), reads], [false, 2])
  })
})

describe('while changes are frozen', () => {
  it('other connections are looked at once, and own commits are seen', async () => {
    const { changes } = test.registry.$client
    assert.ok(changes)
    const other = openRegistry(openEmbedded(test.file))
    const before = changes.count()
    changes.freeze()
    assert.equal(changes.count(), before)
    await write(other, 'other')
    assert.equal(changes.count(), before)
    await write(test.registry, 'own')
    const own = changes.count()
    assert.notEqual(own, before)
    changes.thaw()
    assert.notEqual(changes.count(), own)
    other.$client.close()
  })
})
