import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planPins, type Wanted } from '../../../src/mirror/pinning/plan.ts'

/** An image with chunks of 10 bytes. */
function image(id: string, ...digests: string[]): Wanted {
  return { id, chunks: new Map(digests.map((digest) => [digest, 10])) }
}

function plan(limit: number, here: string[], ...wanted: Wanted[]) {
  const { pinned, tooLarge } = planPins(wanted, { limit, has: (digest) => here.includes(digest) })
  return { pinned: pinned.map(({ id }) => id), tooLarge }
}

describe('a plan of pins', () => {
  it('takes images in the order given', () => {
    const found = plan(40, [], image('b', '1', '2'), image('a', '3', '4'))
    assert.deepEqual(found, { pinned: ['b', 'a'], tooLarge: [] })
  })

  it('leaves out what does not fit beside the others', () => {
    const found = plan(30, [], image('a', '1', '2'), image('b', '3', '4'))
    assert.deepEqual(found, { pinned: ['a'], tooLarge: ['b'] })
  })

  it('goes on with a smaller image after one that does not fit', () => {
    const found = plan(20, [], image('a', '1', '2', '3'), image('b', '4'))
    assert.deepEqual(found, { pinned: ['b'], tooLarge: ['a'] })
  })

  it('gives up no image that is here for one that is not', () => {
    const found = plan(20, ['3', '4'], image('new', '1', '2'), image('here', '3', '4'))
    assert.deepEqual(found, { pinned: ['here'], tooLarge: ['new'] })
  })

  it('counts a chunk that images share once', () => {
    const found = plan(30, [], image('a', '1', '2'), image('b', '2', '3'))
    assert.deepEqual(found, { pinned: ['a', 'b'], tooLarge: [] })
  })

  it('pins an image of nothing but zeros', () => {
    assert.deepEqual(plan(0, [], image('zeros')), { pinned: ['zeros'], tooLarge: [] })
  })
})
