import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { inspectDiskImage } from '../../../src/blobs/inspect/inspect.ts'
import { luksHeader } from './headers.ts'

describe('luks inspection', () => {
  it('accepts version 1', () => {
    assert.deepEqual(inspectDiskImage(luksHeader()), {
      format: 'luks',
      alsoMatches: [],
      virtualSize: null,
      unsafe: null,
    })
  })

  it('refuses version 2', () => {
    assert.equal(inspectDiskImage(luksHeader(2)).unsafe, 'The luks version 2 is not supported')
  })

  it('refuses a header that ends before the version', () => {
    assert.equal(
      inspectDiskImage(luksHeader().subarray(0, 6)).unsafe,
      'The luks header is cut short',
    )
  })
})
