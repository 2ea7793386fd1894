import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorBody, reasonPhrase, standardSentence } from '../../src/http/error-body.ts'

const detail = `No <image> & 'no' "data"`

describe('errorBody', () => {
  it('writes text with the detail raw', () => {
    assert.deepEqual(errorBody('text', 404, 'Not Found', detail), {
      contentType: 'text/plain; charset=UTF-8',
      body: `404 Not Found\n\n${detail}\n\n   `,
    })
  })

  it('writes html with the detail escaped', () => {
    assert.deepEqual(errorBody('html', 404, 'Not Found', detail), {
      contentType: 'text/html; charset=UTF-8',
      body: [
        '<html>',
        ' <head>',
        '  <title>404 Not Found</title>',
        ' </head>',
        ' <body>',
        '  <h1>404 Not Found</h1>',
        '  No &lt;image&gt; &amp; &#x27;no&#x27; &quot;data&quot;<br /><br />',
        '',
        '',
        '',
        ' </body>',
        '</html>',
      ].join('\n'),
    })
  })

  it('writes html with replacement patterns in the detail as they are', () => {
    assert.match(errorBody('html', 400, 'Bad Request', "$& $' $1").body, /\$&amp; \$&#x27; \$1</)
  })

  it('writes flat json with the detail raw', () => {
    const { contentType, body } = errorBody('json', 404, 'Not Found', detail)
    assert.equal(contentType, 'application/json')
    assert.deepEqual(JSON.parse(body), {
      message: `${detail}<br /><br />\n\n\n`,
      code: '404 Not Found',
      title: 'Not Found',
    })
  })
})

describe('reasonPhrase', () => {
  it('names the versions document (300)', () => {
    assert.equal(reasonPhrase(300), 'Multiple Choices')
  })

  it('names a client error (400)', () => {
    assert.equal(reasonPhrase(400), 'Bad Request')
  })

  it('names too large as Glance does (413)', () => {
    assert.equal(reasonPhrase(413), 'Request Entity Too Large')
  })

  it('names a range out of bounds as Glance does (416)', () => {
    assert.equal(reasonPhrase(416), 'Request Range Not Satisfiable')
  })

  it('names headers too large (431)', () => {
    assert.equal(reasonPhrase(431), 'Request Header Fields Too Large')
  })

  it('names a gateway timeout (504)', () => {
    assert.equal(reasonPhrase(504), 'Gateway Timeout')
  })

  it('has a word for a status that is never sent (418)', () => {
    assert.equal(reasonPhrase(418), 'Unknown')
  })
})

describe('standardSentence', () => {
  it('says that the request is malformed (400)', () => {
    assert.equal(
      standardSentence(400),
      'The server could not comply with the request since it is either ' +
        'malformed or otherwise incorrect.',
    )
  })

  it('says that the caller is unknown (401)', () => {
    assert.equal(
      standardSentence(401),
      'This server could not verify that you are authorized to ' +
        'access the document you requested. Either you supplied the wrong ' +
        'credentials (e.g., bad password), or your browser does not ' +
        'understand how to supply the credentials required.',
    )
  })

  it('says that access was denied (403)', () => {
    assert.equal(standardSentence(403), 'Access was denied to this resource.')
  })

  it('says that nothing was found (404)', () => {
    assert.equal(standardSentence(404), 'The resource could not be found.')
  })

  it('says that there was a conflict (409)', () => {
    assert.equal(
      standardSentence(409),
      'There was a conflict when trying to complete your request.',
    )
  })

  it('says that the server has erred (500)', () => {
    assert.equal(
      standardSentence(500),
      'The server has either erred or is incapable of performing the requested operation.',
    )
  })

  it('says that the server is unavailable (503)', () => {
    assert.equal(
      standardSentence(503),
      'The server is currently unavailable. Please try again at a later time.',
    )
  })

  it('is null where the text depends on the method (405)', () => {
    assert.equal(standardSentence(405), null)
  })

  it('is null for a status that is never sent (418)', () => {
    assert.equal(standardSentence(418), null)
  })
})
