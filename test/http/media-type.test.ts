import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { mediaType } from '../../src/http/media-type.ts'

describe('mediaType', () => {
  it('is the type alone', () => {
    assert.equal(mediaType('application/octet-stream'), 'application/octet-stream')
  })

  it('leaves out parameters', () => {
    assert.equal(mediaType('application/json; charset=utf-8; a=b'), 'application/json')
  })

  it('leaves out surrounding blanks', () => {
    assert.equal(mediaType(' application/json ;charset=utf-8'), 'application/json')
  })

  it('keeps the case', () => {
    assert.equal(mediaType('Application/JSON'), 'Application/JSON')
  })

  it('is empty without a header', () => {
    assert.equal(mediaType(null), '')
  })

  it('is empty for an empty header', () => {
    assert.equal(mediaType(''), '')
  })
})
