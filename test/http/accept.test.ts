import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorFormat } from '../../src/http/accept.ts'

describe('errorFormat', () => {
  it('is text without Accept', () => {
    assert.equal(errorFormat(null), 'text')
  })

  it('is text for an empty Accept', () => {
    assert.equal(errorFormat(''), 'text')
  })

  it('is text for text/plain', () => {
    assert.equal(errorFormat('text/plain'), 'text')
  })

  it('is text for application/octet-stream', () => {
    assert.equal(errorFormat('application/octet-stream'), 'text')
  })

  it('is text for image/png', () => {
    assert.equal(errorFormat('image/png'), 'text')
  })

  it('is html for text/html', () => {
    assert.equal(errorFormat('text/html'), 'html')
  })

  it('is html for text/*', () => {
    assert.equal(errorFormat('text/*'), 'html')
  })

  it('is html for */*', () => {
    assert.equal(errorFormat('*/*'), 'html')
  })

  it('is json for application/json', () => {
    assert.equal(errorFormat('application/json'), 'json')
  })

  it('is json for application/*', () => {
    assert.equal(errorFormat('application/*'), 'json')
  })

  it('is html for json or anything, alike', () => {
    assert.equal(errorFormat('application/json, */*'), 'html')
  })

  it('is html for json and html at the same weight', () => {
    assert.equal(errorFormat('application/json;q=0.5, text/html;q=0.5'), 'html')
  })

  it('is json where anything else weighs less', () => {
    assert.equal(errorFormat('application/json, */*;q=0.8'), 'json')
  })

  it('is html where json weighs less', () => {
    assert.equal(errorFormat('application/json;q=0.8, text/html;q=0.9'), 'html')
  })

  it('is html for what a browser sends', () => {
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    assert.equal(errorFormat(accept), 'html')
  })

  it('weighs by the most specific range, wherever it stands', () => {
    assert.equal(errorFormat('*/*, text/*;q=0.9, text/html;q=0.1, application/*;q=0.2'), 'json')
  })

  it('is json where html is excluded', () => {
    assert.equal(errorFormat('*/*, text/html;q=0'), 'json')
  })

  it('is html where json is excluded', () => {
    assert.equal(errorFormat('*/*, application/json;q=0.000'), 'html')
  })

  it('is text where both are excluded', () => {
    assert.equal(errorFormat('*/*, text/html;q=0, application/*;q=0'), 'text')
  })

  it('is text where everything is excluded', () => {
    assert.equal(errorFormat('*/*;q=0'), 'text')
  })

  it('reads names and weights in any case', () => {
    assert.equal(errorFormat('Application/JSON, Text/HTML;Q=0.5'), 'json')
  })

  it('reads blanks around separators and empty elements', () => {
    assert.equal(errorFormat(' , text/html ; q=0.1 ,, application/json ; q=0.2 ,'), 'json')
  })

  it('does not take a range with parameters for our types without', () => {
    assert.equal(errorFormat('text/html;level=1, application/json;q=0.1'), 'json')
  })

  it('does not look for ranges inside a quoted parameter', () => {
    assert.equal(errorFormat('text/plain;a="x, text/html", application/json'), 'json')
  })

  it('does not end a quoted parameter at an escaped quote', () => {
    assert.equal(errorFormat('text/plain;a="\\", text/html", application/json'), 'json')
  })

  it('leaves out a range whose weight is malformed', () => {
    assert.equal(errorFormat('text/html;q=high, application/json;q=0.1'), 'json')
  })

  it('is text for what is no media range', () => {
    assert.equal(errorFormat('json, */json, "'), 'text')
  })
})
