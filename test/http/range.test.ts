import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HeliostatError } from '../../src/errors.ts'
import { contentRange, requestedRange } from '../../src/http/range.ts'

function asked(range: string, size = 10) {
  return requestedRange(new Headers({ Range: range }), size)
}

function askedLegacy(value: string, size = 10) {
  return requestedRange(new Headers({ 'Content-Range': value }), size)
}

const invalidRange = {
  status: 416,
  message: 'Invalid Range header.',
  headers: { 'Content-Range': 'bytes */10' },
}

const invalidContentRange = {
  status: 416,
  message: 'Invalid Content-Range header.',
  headers: { 'Content-Range': 'bytes */10' },
}

const severalRanges = {
  status: 400,
  code: 'invalid',
  message: /^Requests with multiple ranges are not supported/,
  headers: {},
}

describe('requestedRange, from Range', () => {
  it('is null when no range is asked (200)', () => {
    assert.equal(requestedRange(new Headers(), 10), null)
  })

  it('takes both positions as inclusive (206)', () => {
    assert.deepEqual(asked('bytes=0-4'), { offset: 0, length: 5 })
  })

  it('takes a single byte (206)', () => {
    assert.deepEqual(asked('bytes=9-9'), { offset: 9, length: 1 })
  })

  it('takes an open end to the last byte (206)', () => {
    assert.deepEqual(asked('bytes=3-'), { offset: 3, length: 7 })
  })

  it('takes a suffix from the end (206)', () => {
    assert.deepEqual(asked('bytes=-3'), { offset: 7, length: 3 })
  })

  it('clamps an end past the last byte (206)', () => {
    assert.deepEqual(asked('bytes=0-100'), { offset: 0, length: 10 })
  })

  it('clamps an end too large for a number (206)', () => {
    assert.deepEqual(asked(`bytes=4-${'9'.repeat(400)}`), { offset: 4, length: 6 })
  })

  it('clamps a suffix longer than the whole (206)', () => {
    assert.deepEqual(asked('bytes=-100'), { offset: 0, length: 10 })
  })

  it('is a slice even where it covers the whole (206)', () => {
    assert.deepEqual(asked('bytes=0-'), { offset: 0, length: 10 })
  })

  it('reads the unit in any case (206)', () => {
    assert.deepEqual(asked('Bytes=0-4'), { offset: 0, length: 5 })
  })

  it('ignores empty list elements (206)', () => {
    assert.deepEqual(asked('bytes=, 0-4 ,'), { offset: 0, length: 5 })
  })

  it('is exact beyond 32 bits (206)', () => {
    assert.deepEqual(asked('bytes=-1', 2 ** 40), { offset: 2 ** 40 - 1, length: 1 })
  })

  it('refuses an empty suffix, naming it and the size (416)', () => {
    assert.throws(() => asked('bytes=-0'), {
      status: 416,
      message: 'Range "bytes=-0" is not within the 10 bytes of the image',
      headers: { 'Content-Range': 'bytes */10' },
    })
  })

  it('refuses a start at the size, naming it and the size (416)', () => {
    assert.throws(() => asked('bytes=10-'), {
      status: 416,
      message: 'Range "bytes=10-" is not within the 10 bytes of the image',
      headers: { 'Content-Range': 'bytes */10' },
    })
  })

  it('refuses a range wholly past the end (416)', () => {
    assert.throws(() => asked('bytes=10-20'), { status: 416, message: /"bytes=10-20"/ })
  })

  it('refuses a start too large for a number (416)', () => {
    assert.throws(() => asked(`bytes=${'9'.repeat(400)}-`), { status: 416 })
  })

  it('refuses reversed positions (416)', () => {
    assert.throws(() => asked('bytes=5-2'), invalidRange)
  })

  it('refuses another unit (416)', () => {
    assert.throws(() => asked('items=0-1'), invalidRange)
  })

  it('refuses a unit alone (416)', () => {
    assert.throws(() => asked('bytes'), invalidRange)
  })

  it('refuses an empty set (416)', () => {
    assert.throws(() => asked('bytes='), invalidRange)
  })

  it('refuses a set of empty elements (416)', () => {
    assert.throws(() => asked('bytes=,'), invalidRange)
  })

  it('refuses an empty header (416)', () => {
    assert.throws(() => asked(''), invalidRange)
  })

  it('refuses a dash alone (416)', () => {
    assert.throws(() => asked('bytes=-'), invalidRange)
  })

  it('refuses letters (416)', () => {
    assert.throws(() => asked('bytes=a-b'), invalidRange)
  })

  it('refuses a negative start (416)', () => {
    assert.throws(() => asked('bytes=-1-2'), invalidRange)
  })

  it('refuses hexadecimal (416)', () => {
    assert.throws(() => asked('bytes=0x1-0x2'), invalidRange)
  })

  it('refuses several ranges (400)', () => {
    assert.throws(() => asked('bytes=0-1,3-4'), severalRanges)
  })

  it('refuses several headers (400)', () => {
    const headers = new Headers([
      ['Range', 'bytes=0-1'],
      ['Range', 'bytes=3-4'],
    ])
    assert.throws(() => requestedRange(headers, 10), severalRanges)
  })

  it('finds nothing in an empty image from the start (416)', () => {
    assert.throws(() => asked('bytes=0-', 0), {
      status: 416,
      headers: { 'Content-Range': 'bytes */0' },
    })
  })

  it('finds nothing in an empty image from the end (416)', () => {
    assert.throws(() => asked('bytes=-1', 0), {
      status: 416,
      headers: { 'Content-Range': 'bytes */0' },
    })
  })
})

describe('requestedRange, from the legacy Content-Range', () => {
  it('takes the slice of a stated length (206)', () => {
    assert.deepEqual(askedLegacy('bytes 0-4/10'), { offset: 0, length: 5 })
  })

  it('takes the slice of an unstated length (206)', () => {
    assert.deepEqual(askedLegacy('bytes 0-4/*'), { offset: 0, length: 5 })
  })

  it('takes the whole as a slice (206)', () => {
    assert.deepEqual(askedLegacy('bytes 0-9/10'), { offset: 0, length: 10 })
  })

  it('gives way to Range (206)', () => {
    const headers = new Headers({ Range: 'bytes=7-', 'Content-Range': 'bytes 0-4/10' })
    assert.deepEqual(requestedRange(headers, 10), { offset: 7, length: 3 })
  })

  it('gives way to a Range that cannot be served (416)', () => {
    const headers = new Headers({ Range: 'bytes=5-2', 'Content-Range': 'bytes 0-4/10' })
    assert.throws(() => requestedRange(headers, 10), invalidRange)
  })

  it('refuses an end past the last byte, naming it and the size (416)', () => {
    assert.throws(() => askedLegacy('bytes 8-12/*'), {
      status: 416,
      message: 'Content-Range "bytes 8-12/*" is not within the 10 bytes of the image',
      headers: { 'Content-Range': 'bytes */10' },
    })
  })

  it('refuses a start past the last byte (416)', () => {
    assert.throws(() => askedLegacy('bytes 10-12/20'), { status: 416 })
  })

  it('refuses reversed positions (416)', () => {
    assert.throws(() => askedLegacy('bytes 4-0/10'), invalidContentRange)
  })

  it('refuses an end past the stated length (416)', () => {
    assert.throws(() => askedLegacy('bytes 0-4/3'), invalidContentRange)
  })

  it('refuses an unsatisfied range (416)', () => {
    assert.throws(() => askedLegacy('bytes */10'), invalidContentRange)
  })

  it('refuses an absent length (416)', () => {
    assert.throws(() => askedLegacy('bytes 0-4'), invalidContentRange)
  })

  it('refuses the form of Range (416)', () => {
    assert.throws(() => askedLegacy('bytes=0-4'), invalidContentRange)
  })

  it('finds nothing in an empty image (416)', () => {
    assert.throws(() => askedLegacy('bytes 0-0/*', 0), { status: 416 })
  })
})

describe('requestedRange, whatever is asked', () => {
  const sizes = fc.nat(40)
  const positions = fc.oneof(fc.nat(50).map(String), fc.constantFrom('', '9'.repeat(20), 'x'))
  const noise = fc.string({ unit: fc.constantFrom(...'bytes=-0123456789,*/ ') })
  const likelyRanges = fc
    .tuple(positions, positions)
    .map(([first, last]) => `bytes=${first}-${last}`)
  const likelyContentRanges = fc
    .tuple(positions, positions, fc.oneof(positions, fc.constant('*')))
    .map(([first, last, total]) => `bytes ${first}-${last}/${total}`)

  function assertWithinOrRefused(headers: Headers, size: number) {
    try {
      const range = requestedRange(headers, size)
      assert.ok(range !== null && range.offset >= 0 && range.length > 0)
      assert.ok(range.offset + range.length <= size)
    } catch (error) {
      assert.ok(error instanceof HeliostatError)
    }
  }

  it('is a slice within the size or a refusal, by Range', () => {
    fc.assert(
      fc.property(fc.oneof(likelyRanges, noise), sizes, (value, size) => {
        assertWithinOrRefused(new Headers({ Range: value }), size)
      }),
    )
  })

  it('is a slice within the size or a refusal, by Content-Range', () => {
    fc.assert(
      fc.property(fc.oneof(likelyContentRanges, noise), sizes, (value, size) => {
        assertWithinOrRefused(new Headers({ 'Content-Range': value }), size)
      }),
    )
  })

  it('selects what Array.slice selects, for positions within the size', () => {
    const bytes = Array.from({ length: 20 }, (_, index) => index)
    fc.assert(
      fc.property(fc.nat(19), fc.nat(30), (first, more) => {
        const range = asked(`bytes=${first}-${first + more}`, bytes.length)
        assert.ok(range !== null)
        assert.deepEqual(
          bytes.slice(range.offset, range.offset + range.length),
          bytes.slice(first, first + more + 1),
        )
      }),
    )
  })

  it('is the same slice again when its Content-Range is sent back', () => {
    fc.assert(
      fc.property(fc.nat(19), fc.nat(30), (first, more) => {
        const range = asked(`bytes=${first}-${first + more}`, 20)
        assert.ok(range !== null)
        assert.deepEqual(askedLegacy(contentRange(range, 20), 20), range)
      }),
    )
  })
})

describe('contentRange', () => {
  it('states both positions as inclusive, and the size', () => {
    assert.equal(contentRange({ offset: 0, length: 5 }, 10), 'bytes 0-4/10')
  })

  it('states a single byte', () => {
    assert.equal(contentRange({ offset: 9, length: 1 }, 10), 'bytes 9-9/10')
  })
})
