import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import Database from 'libsql'
import { filterConditions } from '../../../src/images/list/filters.ts'
import {
  afterMarker,
  markerCondition,
  orderBy,
  type MarkerRow,
} from '../../../src/images/list/order.ts'
import { parseListQuery } from '../../../src/images/list/query.ts'
import type { SortKey } from '../../../src/images/list/sorting.ts'
import { listLinks } from '../../../src/paging.ts'
import { all, type Fragment, fragment, raw } from '../../../src/registry/fragment.ts'

const TABLES = `
  create table images (
    id text primary key, name text, disk_format text, container_format text,
    size integer, virtual_size integer, status text not null default 'active',
    checksum text, os_hash_algo text, os_hash_value text,
    min_disk integer not null default 0, min_ram integer not null default 0, owner text,
    protected integer not null default 0, os_hidden integer not null default 0,
    created_at integer not null default 0, updated_at integer not null default 0, deleted_at integer
  );
  create index images_by_creation on images (os_hidden, created_at, id);
  create table image_properties (
    image_id text, name text, value text, primary key (image_id, name)
  );
  create table image_tags (image_id text, value text, primary key (image_id, value));
`

/** Before, within and after the second 2024-05-01T12:00:00Z. */
const NOON = Date.UTC(2024, 4, 1, 12)

const ROWS = `
  insert into images (id, name, disk_format, size, min_ram, protected, created_at) values
    ('a', 'cirros', 'qcow2', 100, 512, 0, ${NOON - 1}),
    ('b', 'cirros', 'raw', 200, 1024, 0, ${NOON}),
    ('c', 'with, comma', 'raw', 300, 0, 1, ${NOON + 999}),
    ('d', 'with "quote"', 'raw', null, 0, 0, ${NOON + 1000}),
    ('e', null, null, null, 0, 0, ${NOON + 5000});
  insert into images (id, name, status) values ('killed', 'killed', 'killed');
  insert into images (id, name, status, deleted_at) values ('deleted', 'deleted', 'deleted', 1);
  insert into images (id, name, os_hidden) values ('hidden', 'hidden', 1);
  insert into image_tags values ('a', 'x'), ('a', 'y'), ('b', 'x');
  insert into image_properties values
    ('a', 'os_distro', 'alpine'), ('b', 'os_distro', 'in:alpine,debian'),
    ('c', 'members', '3'), ('d', 'foo_min', '1');
`

const database = new Database(':memory:')

function run({ text, args }: Fragment): unknown[] {
  const values = args.map((value) => (typeof value === 'boolean' ? Number(value) : value))
  return database.prepare(text).all(...values)
}

function ids(rows: unknown[]): string[] {
  return (rows as { id: string }[]).map(({ id }) => id)
}

function parse(query: string) {
  return parseListQuery(new URLSearchParams(query), {
    limit_param_default: 25,
    api_limit_max: 1000,
  })
}

/** The ids that a query's filters let through, in alphabetical order and one word. */
function find(query: string): string {
  const where = all(filterConditions(parse(query).filters))
  return ids(run(fragment`select id from images where ${where} order by id`)).join(' ')
}

function order(query: string): string {
  return parse(query)
    .sort.map(({ key, direction }) => `${key} ${direction}`)
    .join(', ')
}

function refuses(query: string, message: string): void {
  assert.throws(() => parse(query), { code: 'invalid', status: 400, message })
}

function links(query: string, lastId: string | null) {
  return listLinks('/v2/images', new URLSearchParams(query), lastId)
}

before(() => database.exec(TABLES + ROWS))
after(() => database.close())

describe('limit and marker', () => {
  it('fall back to the default page and no marker', () => {
    const { limit, marker } = parse('')
    assert.deepEqual({ limit, marker }, { limit: 25, marker: null })
  })

  it('clamps a limit over the maximum', () => {
    assert.equal(parse('limit=5000').limit, 1000)
  })

  it('clamps a limit that no integer type holds', () => {
    assert.equal(parse('limit=99999999999999999999999').limit, 1000)
  })

  it('accepts a limit of zero', () => {
    assert.equal(parse('limit=0').limit, 0)
  })

  it('refuses a negative limit [400]', () => {
    refuses('limit=-1', 'limit param must be positive')
  })

  it('refuses a limit that is no integer [400]', () => {
    refuses('limit=1.5', 'limit param must be an integer')
  })

  it('refuses an empty limit [400]', () => {
    refuses('limit=', 'limit param must be an integer')
  })

  it('keeps the last of repeated limits', () => {
    assert.equal(parse('limit=3&limit=4').limit, 4)
  })

  it('keeps an empty marker apart from none', () => {
    assert.equal(parse('marker=').marker, '')
  })
})

describe('sort', () => {
  it('is the newest first by default', () => {
    assert.equal(order(''), 'created_at desc, id desc')
  })

  it('breaks ties in the one direction given', () => {
    assert.equal(order('sort_key=name&sort_dir=asc'), 'name asc, created_at asc, id asc')
  })

  it('applies one sort_dir to all keys', () => {
    assert.equal(
      order('sort_key=name&sort_key=size&sort_dir=asc'),
      'name asc, size asc, created_at asc, id asc',
    )
  })

  it('breaks ties downwards when several directions are given', () => {
    assert.equal(
      order('sort_key=name&sort_dir=asc&sort_key=size&sort_dir=asc'),
      'name asc, size asc, created_at desc, id desc',
    )
  })

  it('sorts downwards by a key without direction', () => {
    assert.equal(order('sort_key=name'), 'name desc, created_at desc, id desc')
  })

  it('applies a sort_dir without key to the time of creation', () => {
    assert.equal(order('sort_dir=asc'), 'created_at asc, id asc')
  })

  it('reads pairs, of which an absent or empty direction is desc', () => {
    assert.equal(
      order('sort=name:asc,size,status:'),
      'name asc, size desc, status desc, created_at desc, id desc',
    )
  })

  it('breaks ties in the direction of a single pair', () => {
    assert.equal(order('sort=name:asc'), 'name asc, created_at asc, id asc')
  })

  it('keeps the place of a tie-breaking key that is given', () => {
    assert.equal(order('sort=id:asc,name:asc'), 'id asc, name asc, created_at desc')
  })

  it('counts a repeated key once', () => {
    assert.equal(order('sort_key=name&sort_key=name'), 'name desc, created_at desc, id desc')
  })

  it('refuses an unknown key [400]', () => {
    refuses(
      'sort_key=owner',
      'Invalid sort key: owner. It must be one of the following: name, status, container_format, ' +
        'disk_format, size, id, created_at, updated_at.',
    )
  })

  it('refuses an empty sort [400]', () => {
    refuses(
      'sort=',
      'Invalid sort key: . It must be one of the following: name, status, container_format, ' +
        'disk_format, size, id, created_at, updated_at.',
    )
  })

  it('refuses a trailing comma [400]', () => {
    assert.throws(() => parse('sort=name,'), { message: /^Invalid sort key: \. / })
  })

  it('refuses an unknown direction [400]', () => {
    refuses('sort=name:up', 'Invalid sort direction: up')
  })

  it('refuses a direction in upper case [400]', () => {
    refuses('sort_dir=ASC', 'Invalid sort direction: ASC')
  })

  it('refuses more directions than keys [400]', () => {
    refuses(
      'sort_key=name&sort_dir=asc&sort_dir=asc',
      'Number of sort dirs does not match the number of sort keys',
    )
  })

  it('refuses two directions without a key [400]', () => {
    refuses(
      'sort_dir=asc&sort_dir=asc',
      'Number of sort dirs does not match the number of sort keys',
    )
  })

  it('refuses the two syntaxes together [400]', () => {
    refuses('sort=name&sort_dir=asc', 'Old and new sorting syntax cannot be combined')
  })
})

describe('text filters', () => {
  it('match the whole value', () => {
    assert.equal(find('name=cirros'), 'a b')
  })

  it('heed case', () => {
    assert.equal(find('name=Cirros'), '')
  })

  it('are all to be met', () => {
    assert.equal(find('name=cirros&disk_format=raw'), 'b')
  })

  it('accept eq:', () => {
    assert.equal(find('id=eq:a'), 'a')
  })

  it('match any value of a list', () => {
    assert.equal(find('id=in:a,c,zz'), 'a c')
  })

  it('match a quoted value with a comma', () => {
    assert.equal(find('name=in:"with, comma",cirros'), 'a b c')
  })

  it('drop the backslash before a quote inside quotes', () => {
    assert.equal(find('name=in:"with \\"quote\\""'), 'd')
  })

  it('drop the backslash before a quote outside quotes', () => {
    assert.equal(find('name=in:with \\"quote\\",x'), 'd')
  })

  it('match nothing for an empty list', () => {
    assert.equal(find('name=in:'), '')
  })

  it('match nothing for an empty value', () => {
    assert.equal(find('disk_format='), '')
  })

  it('match nothing for an unknown status', () => {
    assert.equal(find('status=bogus'), '')
  })

  it('take a time for a value, not for an operator', () => {
    assert.equal(find('name=2024-05-01T12:00:00Z'), '')
  })

  it('hold empty values between commas', () => {
    assert.deepEqual(parse('name=in:a,,"",b,').filters.terms, [
      { kind: 'text', column: 'name', values: ['a', '', '', 'b'] },
    ])
  })

  it('refuse an unknown operator [400]', () => {
    refuses('name=neq:cirros', "Unable to filter by unknown operator 'neq'.")
  })

  it('refuse an unclosed quote [400]', () => {
    refuses('name=in:a,"b\\"', 'Invalid filter value a,"b\\". The quote is not closed.')
  })

  it('refuse text before a quote [400]', () => {
    refuses(
      'name=in:a"b"',
      'Invalid filter value a"b". There is no comma before opening quotation mark.',
    )
  })

  it('refuse text after a quote [400]', () => {
    refuses(
      'name=in:"a"b',
      'Invalid filter value "a"b. There is no comma after closing quotation mark.',
    )
  })

  it('know no operator in a checksum', () => {
    assert.deepEqual(parse('checksum=in:a,b').filters.terms, [
      { kind: 'text', column: 'checksum', values: ['in:a,b'] },
    ])
  })
})

describe('number filters', () => {
  it('match an equal number', () => {
    assert.equal(find('size=200'), 'b')
  })

  it('match nothing for what is no number', () => {
    assert.equal(find('size=big'), '')
  })

  it('include both bounds of a range', () => {
    assert.equal(find('size_min=200&size_max=300'), 'b c')
  })

  it('never match an unknown size', () => {
    assert.equal(find('size_max=99999999999999999999'), 'a b c')
  })

  it('reach every numeric column', () => {
    assert.equal(find('min_ram_min=512&min_ram_max=512&min_disk_max=0'), 'a')
  })

  it('refuse a bound that is no number [400]', () => {
    refuses('virtual_size_min=1k', 'Unable to filter on a range with a non-numeric value.')
  })

  it('refuse an empty bound [400]', () => {
    refuses('size_min=', 'Unable to filter on a range with a non-numeric value.')
  })
})

describe('time filters', () => {
  it('equal the whole second', () => {
    assert.equal(find('created_at=2024-05-01T12:00:00Z'), 'b c')
  })

  it('differ from the whole second', () => {
    assert.equal(find('created_at=neq:2024-05-01T12:00:00Z'), 'a d e')
  })

  it('are after the whole second', () => {
    assert.equal(find('created_at=gt:2024-05-01T12:00:00Z'), 'd e')
  })

  it('are within or after the second', () => {
    assert.equal(find('created_at=gte:2024-05-01T12:00:00Z'), 'b c d e')
  })

  it('are before the second', () => {
    assert.equal(find('created_at=lt:2024-05-01T12:00:00Z'), 'a')
  })

  it('are before or within the second', () => {
    assert.equal(find('created_at=lte:2024-05-01T12:00:00Z'), 'a b c')
  })

  it('read a date alone as its midnight', () => {
    assert.equal(find('created_at=gt:2024-05-01'), 'a b c d e')
  })

  it('read a month or a year alone as its first midnight', () => {
    assert.equal(find('created_at=gt:2024-05'), 'a b c d e')
    assert.equal(find('created_at=lt:2024-06'), 'a b c d e')
    assert.equal(find('created_at=gte:2025'), '')
    assert.equal(find('created_at=lt:2025'), 'a b c d e')
  })

  it('refuse a month without a hyphen, and a clock without a day [400]', () => {
    const message = 'Bad "created_at" query filter format. Use ISO 8601 DateTime notation.'
    refuses('created_at=gt:202405', message)
    refuses('created_at=gt:2024-13', message)
    refuses('created_at=gt:2024-05T12:00', message)
    refuses('created_at=gt:2024T12', message)
  })

  it('read a time without zone as UTC', () => {
    assert.equal(find('created_at=eq:2024-05-01T12:00:00'), 'b c')
  })

  it('read an encoded offset', () => {
    assert.equal(find('created_at=2024-05-01T14:30:00%2B02:30'), 'b c')
  })

  it('read a negative offset without colon', () => {
    assert.equal(find('created_at=2024-05-01T07:00:00-0500'), 'b c')
  })

  it('read the basic format and cut a fraction off', () => {
    assert.equal(find('created_at=20240501T120000.75Z'), 'b c')
  })

  it('refuse an offset whose plus was not encoded [400]', () => {
    refuses(
      'created_at=2024-05-01T12:00:00+00:00',
      'Bad "created_at" query filter format. Use ISO 8601 DateTime notation.',
    )
  })

  it('refuse a day that does not exist [400]', () => {
    refuses(
      'updated_at=lt:2024-02-30',
      'Bad "updated_at" query filter format. Use ISO 8601 DateTime notation.',
    )
  })

  it('refuse an empty time [400]', () => {
    refuses('created_at=', 'Bad "created_at" query filter format. Use ISO 8601 DateTime notation.')
  })

  it('refuse a list [400]', () => {
    refuses('created_at=in:2024-05-01,2024-05-02', 'Unable to filter on a unknown operator.')
  })
})

describe('flags', () => {
  it('find protected images', () => {
    assert.equal(find('protected=true'), 'c')
  })

  it('find unprotected images', () => {
    assert.equal(find('protected=false'), 'a b d e')
  })

  it('refuse a protected in title case [400]', () => {
    refuses(
      'protected=True',
      "Invalid value 'True' for 'protected' filter. Valid values are 'true' or 'false'.",
    )
  })

  it('keep hidden, killed and deleted images out by default', () => {
    assert.equal(find(''), 'a b c d e')
  })

  it('keep killed and deleted images out when asked for by status', () => {
    assert.equal(find('status=in:killed,deleted'), '')
  })

  it('find only hidden images, in any case', () => {
    assert.equal(find('os_hidden=True'), 'hidden')
  })

  it('refuse another os_hidden [400]', () => {
    refuses(
      'os_hidden=Yes',
      "Invalid value 'Yes' for 'os_hidden' filter. Valid values are 'true' or 'false'.",
    )
  })

  it('leave the visibility to the viewer by default', () => {
    const { visibility, memberStatus } = parse('').filters
    assert.deepEqual({ visibility, memberStatus }, { visibility: null, memberStatus: 'accepted' })
  })

  it('read the visibility and the status of the member', () => {
    const { visibility, memberStatus } = parse('visibility=all&member_status=pending').filters
    assert.deepEqual({ visibility, memberStatus }, { visibility: 'all', memberStatus: 'pending' })
  })

  it('take an empty visibility for one that no image has', () => {
    assert.equal(parse('visibility=').filters.visibility, 'none')
  })

  it('refuse an unknown visibility, none included [400]', () => {
    refuses('visibility=none', 'Invalid visibility value: none')
  })

  it('refuse an unknown member_status [400]', () => {
    refuses('member_status=bogus', 'Invalid status: bogus')
  })

  it('refuse an empty member_status [400]', () => {
    refuses('member_status=', 'Invalid status: ')
  })
})

describe('tag filters', () => {
  it('find the images with a tag', () => {
    assert.equal(find('tag=x'), 'a b')
  })

  it('find the images with all of several tags', () => {
    assert.equal(find('tag=x&tag=y'), 'a')
  })

  it('find nothing for an empty tag', () => {
    assert.equal(find('tag='), '')
  })
})

describe('custom property filters', () => {
  it('match the whole value', () => {
    assert.equal(find('os_distro=alpine'), 'a')
  })

  it('know no operator', () => {
    assert.equal(find('os_distro=in:alpine,debian'), 'b')
  })

  it('count the last of repeated values', () => {
    assert.equal(find('os_distro=debian&os_distro=alpine'), 'a')
  })

  it('find nothing for a name that no image has', () => {
    assert.equal(find('constructor=x'), '')
  })

  it('may be named like a relation', () => {
    assert.equal(find('members=3'), 'c')
  })

  it('may be named like a range', () => {
    assert.equal(find('foo_min=1'), 'd')
  })

  it('match nothing for tags, which is no list of characters', () => {
    assert.equal(find('tags=x'), '')
  })

  it('are not made by deleted', () => {
    assert.equal(find('deleted=true'), 'a b c d e')
  })

  it('are searched for up to 256 at once', () => {
    assert.equal(find('tag=x&'.repeat(256)), 'a b')
  })

  it('refuse more than 256 at once [400]', () => {
    refuses('tag=x&'.repeat(257), 'Too many filters, at most 256 are allowed')
  })

  it('refuse changes-since [400]', () => {
    refuses('changes-since=2024-05-01', 'The "changes-since" filter is no longer available on v2.')
  })

  it('refuse an empty changes-since [400]', () => {
    refuses('changes-since=', 'The "changes-since" filter is no longer available on v2.')
  })
})

describe('pages', () => {
  it('hold each image once and in order, whatever the order and its NULLs', () => {
    fc.assert(fc.property(rowsArbitrary, sortArbitrary, fc.integer({ min: 1, max: 4 }), pagesAgree))
  })

  it('start at the marker in the index, without sorting', () => {
    const marker = { ...UNNAMED, id: 'c', created_at: NOON }
    const { sort, filters } = parse('')
    const where = all([...filterConditions(filters), ...afterMarker(sort, marker)])
    const by = orderBy(sort)
    const plan = run(
      fragment`explain query plan select * from images where ${where} order by ${by}`,
    ) as { detail: string }[]
    assert.deepEqual(
      plan.map(({ detail }) => detail),
      ['SEARCH images USING INDEX images_by_creation (os_hidden=? AND created_at<?)'],
    )
  })
})

const UNNAMED: MarkerRow = {
  id: '',
  name: null,
  status: 'active',
  container_format: null,
  disk_format: null,
  size: null,
  created_at: 0,
  updated_at: 0,
}

const SORT_KEYS = [
  'name',
  'status',
  'container_format',
  'disk_format',
  'size',
  'id',
  'created_at',
  'updated_at',
] as const

const rowsArbitrary = fc.uniqueArray(
  fc.record<MarkerRow>({
    id: fc.stringMatching(/^[a-f]{1,3}$/),
    name: fc.constantFrom(null, '', 'a', 'B'),
    status: fc.constantFrom('queued', 'active'),
    container_format: fc.constantFrom(null, 'bare'),
    disk_format: fc.constantFrom(null, 'raw', 'qcow2'),
    size: fc.constantFrom(null, 0, 9, 10),
    created_at: fc.integer({ min: 0, max: 2 }),
    updated_at: fc.integer({ min: 0, max: 2 }),
  }),
  { selector: ({ id }) => id, maxLength: 12 },
)

/** Through the parser, which completes the order. */
const sortArbitrary = fc
  .array(fc.tuple(fc.constantFrom(...SORT_KEYS), fc.constantFrom('asc', 'desc')), {
    minLength: 1,
    maxLength: 4,
  })
  .map((pairs) => parse(`sort=${pairs.map((pair) => pair.join(':')).join()}`).sort)

function pagesAgree(rows: MarkerRow[], sort: SortKey[], limit: number): void {
  database.exec('create temp table kept as select * from main.images; delete from main.images')
  try {
    rows.forEach(insert)
    const expected = rows.toSorted((one, other) => compare(sort, one, other))
    assert.deepEqual(
      readPages(sort, limit),
      expected.map(({ id }) => id),
    )
  } finally {
    database.exec(
      'delete from main.images; insert into main.images select * from kept; drop table kept',
    )
  }
}

function insert(row: MarkerRow): void {
  run(fragment`
    insert into images
      (id, name, status, container_format, disk_format, size, created_at, updated_at)
    values (${row.id}, ${row.name}, ${row.status}, ${row.container_format}, ${row.disk_format},
      ${row.size}, ${row.created_at}, ${row.updated_at})`)
}

/** The pages that one condition makes; those that several make, one after the other, have to be the same. */
function readPages(sort: SortKey[], limit: number): string[] {
  const seen: MarkerRow[] = []
  for (;;) {
    const marker = seen.at(-1)
    const after = marker === undefined ? raw('true') : markerCondition(sort, marker)
    const page = readPage(after, sort, limit)
    if (marker) assert.deepEqual(readAfter(marker, sort, limit), ids(page))
    seen.push(...(page as MarkerRow[]))
    if (page.length < limit || seen.length > 100) return ids(seen)
  }
}

function readPage(after: Fragment, sort: SortKey[], limit: number): unknown[] {
  const by = orderBy(sort)
  return run(fragment`select * from images where ${after} order by ${by} limit ${limit}`)
}

function readAfter(marker: MarkerRow, sort: SortKey[], limit: number): string[] {
  const pages = afterMarker(sort, marker).flatMap((after) => readPage(after, sort, limit))
  return ids(pages).slice(0, limit)
}

/** The order told without SQL. */
function compare(sort: SortKey[], one: MarkerRow, other: MarkerRow): number {
  for (const { key, direction } of sort) {
    const [a, b] = [one[key], other[key]]
    if (a === b) continue
    const less = a === null || (b !== null && a < b)
    return less === (direction === 'asc') ? -1 : 1
  }
  return 0
}

describe('list links', () => {
  it('are the bare path without a query', () => {
    assert.deepEqual(links('', null), { first: '/v2/images' })
  })

  it('drop the marker from first and replace it in next', () => {
    assert.deepEqual(links('limit=2&marker=a&name=x', 'b'), {
      first: '/v2/images?limit=2&name=x',
      next: '/v2/images?limit=2&name=x&marker=b',
    })
  })

  it('lead on from a list without a query', () => {
    assert.deepEqual(links('', 'b'), { first: '/v2/images', next: '/v2/images?marker=b' })
  })

  it('keep repeated parameters in their order', () => {
    assert.deepEqual(links('tag=a&sort_key=name&tag=b&sort_key=size', null), {
      first: '/v2/images?tag=a&sort_key=name&tag=b&sort_key=size',
    })
  })

  it('encode colons, commas and spaces', () => {
    assert.deepEqual(links('sort=name:asc,size&name=a b', null), {
      first: '/v2/images?sort=name%3Aasc%2Csize&name=a+b',
    })
  })
})
