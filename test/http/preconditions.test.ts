import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { evaluatePreconditions, ifRangeAllows } from '../../src/http/preconditions.ts'

const etag = '"abc"'

function evaluated(headers: Record<string, string>, own = etag) {
  return evaluatePreconditions(new Headers(headers), own)
}

function allowed(ifRange: string) {
  return ifRangeAllows(new Headers({ 'If-Range': ifRange }), etag)
}

describe('evaluatePreconditions', () => {
  it('proceeds without conditions (200)', () => {
    assert.equal(evaluated({}), 'proceed')
  })

  it('ignores conditions on dates (200)', () => {
    const date = 'Sat, 29 Oct 1994 19:43:31 GMT'
    assert.equal(evaluated({ 'If-Modified-Since': date, 'If-Unmodified-Since': date }), 'proceed')
  })
})

describe('evaluatePreconditions, If-Match', () => {
  it('proceeds on the same tag (200)', () => {
    assert.equal(evaluated({ 'If-Match': '"abc"' }), 'proceed')
  })

  it('proceeds on any tag (200)', () => {
    assert.equal(evaluated({ 'If-Match': '*' }), 'proceed')
  })

  it('proceeds on a list that has the tag (200)', () => {
    assert.equal(evaluated({ 'If-Match': '"x", "abc","y"' }), 'proceed')
  })

  it('fails on another tag (412)', () => {
    assert.equal(evaluated({ 'If-Match': '"x"' }), 'failed')
  })

  it('fails on the same tag made weak (412)', () => {
    assert.equal(evaluated({ 'If-Match': 'W/"abc"' }), 'failed')
  })

  it('fails on a tag in another case (412)', () => {
    assert.equal(evaluated({ 'If-Match': '"ABC"' }), 'failed')
  })

  it('fails on a tag without quotes (412)', () => {
    assert.equal(evaluated({ 'If-Match': 'abc' }), 'failed')
  })

  it('fails on an empty list (412)', () => {
    assert.equal(evaluated({ 'If-Match': '' }), 'failed')
  })

  it('fails before If-None-Match is looked at (412)', () => {
    assert.equal(evaluated({ 'If-Match': '"x"', 'If-None-Match': '"abc"' }), 'failed')
  })

  it('lets If-None-Match decide when it holds (304)', () => {
    assert.equal(evaluated({ 'If-Match': '"abc"', 'If-None-Match': '"abc"' }), 'not-modified')
  })
})

describe('evaluatePreconditions, If-None-Match', () => {
  it('finds the same tag (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"abc"' }), 'not-modified')
  })

  it('finds the same tag made weak (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': 'W/"abc"' }), 'not-modified')
  })

  it('finds any tag (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': '*' }), 'not-modified')
  })

  it('finds the tag in a list (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"x" , W/"abc"' }), 'not-modified')
  })

  it('finds the tag among empty list elements (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': ', "x",, "abc",' }), 'not-modified')
  })

  it('finds the tag in a second header (304)', () => {
    const headers = new Headers([
      ['If-None-Match', '"x"'],
      ['If-None-Match', '"abc"'],
    ])
    assert.equal(evaluatePreconditions(headers, etag), 'not-modified')
  })

  it('finds a tag that has a comma (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"x", "a,b"' }, '"a,b"'), 'not-modified')
  })

  it('takes a comma inside quotes as part of the tag (200)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"x,"abc",y"' }), 'proceed')
  })

  it('takes a backslash as part of the tag (304)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"a\\", "abc"' }), 'not-modified')
  })

  it('does not find another tag (200)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"x"' }), 'proceed')
  })

  it('does not find a tag without quotes (200)', () => {
    assert.equal(evaluated({ 'If-None-Match': 'abc' }), 'proceed')
  })

  it('does not take a lower-case w for weak (200)', () => {
    assert.equal(evaluated({ 'If-None-Match': 'w/"abc"' }), 'proceed')
  })

  it('does not take a quoted star for any tag (200)', () => {
    assert.equal(evaluated({ 'If-None-Match': '"*"' }), 'proceed')
  })
})

describe('ifRangeAllows', () => {
  it('allows the range without If-Range (206)', () => {
    assert.equal(ifRangeAllows(new Headers(), etag), true)
  })

  it('allows the range on the same tag (206)', () => {
    assert.equal(allowed('"abc"'), true)
  })

  it('drops the range on another tag (200)', () => {
    assert.equal(allowed('"x"'), false)
  })

  it('drops the range on the same tag made weak (200)', () => {
    assert.equal(allowed('W/"abc"'), false)
  })

  it('drops the range on a date (200)', () => {
    assert.equal(allowed('Sat, 29 Oct 1994 19:43:31 GMT'), false)
  })

  it('drops the range on a list (200)', () => {
    assert.equal(allowed('"abc", "x"'), false)
  })

  it('drops the range on a star (200)', () => {
    assert.equal(allowed('*'), false)
  })
})
