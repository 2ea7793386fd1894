import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Caller, createIdentity } from '../../../src/identity/caller.ts'
import { loadPolicy } from '../../../src/identity/policy-overrides.ts'
import { DEFAULT_POLICY } from '../../../src/identity/policy.ts'
import { createPropertyProtection } from '../../../src/images/protection/properties.ts'
import { pythonPattern } from '../../../src/images/protection/python-pattern.ts'
import { parseProtectionRules, policiesIn } from '../../../src/images/protection/rules.ts'

const parse = (text: string, format: 'roles' | 'policies' = 'roles') =>
  parseProtectionRules({ file: 'p.conf', text, format })

function section(name: string, all: string, options: Record<string, string> = {}): string {
  const operations = { create: all, read: all, update: all, delete: all, ...options }
  const lines = Object.entries(operations).map(([key, value]) => `${key} = ${value}`)
  return [`[${name}]`, ...lines, ''].join('\n')
}

const holder = (...roles: string[]): Caller => ({
  ...createIdentity({ projectId: 'p', roles }),
  isAdmin: false,
  isAnonymous: false,
})

describe('a protection by roles', () => {
  const text = [
    '# The first that matches counts',
    section('^x_owner_.*', 'Admin, joe_soap', { read: '@', delete: '!' }),
    section('^x_[a-z]+.*', 'admin'),
    section('billing', '@,admin', { create: 'admin,!' }),
    section('10', 'ten'),
    section('^x_.*', '@'),
  ].join('\n')
  const { allows } = createPropertyProtection(parse(text), DEFAULT_POLICY)

  it('lets those with one of the roles pass, in any case', () => {
    assert.equal(allows('create', 'x_owner_a', holder('joe_soap')), true)
    assert.equal(allows('update', 'x_owner_a', holder('admin')), true)
    assert.equal(allows('update', 'x_owner_a', holder('member')), false)
  })

  it('knows everyone and nobody, who is stronger', () => {
    assert.equal(allows('read', 'x_owner_a', holder()), true)
    assert.equal(allows('delete', 'x_owner_a', holder('admin')), false)
    assert.equal(allows('read', 'my_billing_code', holder()), true)
    assert.equal(allows('create', 'my_billing_code', holder('admin')), false)
  })

  it('goes by the first section that matches, in the order of the file', () => {
    assert.equal(allows('read', 'x_abc', holder('member')), false)
    assert.equal(allows('read', 'x_123', holder('member')), true)
    assert.equal(allows('read', 'a10', holder('ten')), true)
  })

  it('is for nobody where no section matches, whatever is remembered', () => {
    assert.equal(allows('read', 'other', holder('admin')), false)
    assert.equal(allows('read', 'other', holder('admin')), false)
    assert.equal(allows('read', '__proto__', holder('admin')), false)
  })

  it('counts the roles of the service that passes a request on', () => {
    const nova = { ...holder('member'), serviceRoles: ['admin'] }
    assert.equal(allows('create', 'x_abc', nova), true)
  })

  it("is not about the service's own properties", () => {
    const all = `${section('.*', '!')}${section('os_glance_.*', '!')}`
    const protection = createPropertyProtection(parse(all), DEFAULT_POLICY)
    assert.equal(protection.allows('read', 'os_glance_importing', holder()), true)
    assert.equal(protection.allows('read', 'x', holder('admin')), false)
  })
})

describe('a protection by policies', () => {
  const text = `${section('^x_', 'builder', { read: '@' })}${section('.*', 'context_is_admin')}`
  const { policy } = loadPolicy({ file: 'policy.yaml', text: 'builder: "role:b"' }, ['builder'])

  it('asks the rules of the policy', () => {
    const { allows } = createPropertyProtection(parse(text, 'policies'), policy)
    assert.equal(allows('create', 'x_a', holder('b')), true)
    assert.equal(allows('create', 'x_a', holder('admin')), false)
    assert.equal(allows('read', 'x_a', holder()), true)
    assert.equal(allows('read', 'other', holder('admin')), true)
    assert.equal(allows('read', 'other', holder('b')), false)
  })

  it('is refused with a rule that there is none of', () => {
    assert.deepEqual(policiesIn(parse(text, 'policies')), ['builder', 'context_is_admin'])
    assert.throws(() => createPropertyProtection(parse(text, 'policies'), DEFAULT_POLICY), {
      name: 'ConfigError',
      message: 'p.conf: got "builder", wanted a rule of the policy, @ or !',
    })
  })
})

describe('a property protection file', () => {
  it('may have colons, capitals, continued lines, comments and defaults', () => {
    const text = [
      '[DEFAULT]',
      'Delete: admin',
      '[x]',
      'CREATE:a,',
      '  b',
      '; between',
      'read = a',
      'update =',
    ].join('\r\n')
    const { rules, warnings } = parse(text)
    assert.deepEqual(
      rules.map(({ allowed }) => allowed),
      [{ create: ['a', 'b'], read: ['a'], update: [], delete: ['admin'] }],
    )
    assert.deepEqual(warnings, ['p.conf: section [x]: update names nobody, so it is for nobody'])
  })

  it('is refused with all that is wrong with it', () => {
    const text = [
      'read = admin',
      section('x_(', '@'),
      section('y', 'a', { read: '@, !' }),
      '[z]\ncreate = a\nread = a\nupdate = a\nnonsense',
      section('y', 'a'),
      section(String.raw`\Qz`, 'a'),
    ].join('\n')
    assert.throws(
      () => parse(text),
      ({ name, message }: Error) => {
        assert.equal(name, 'ConfigError')
        const lines = message.split('\n')
        assert.equal(lines.length, 7, message)
        assert.match(message, /^p\.conf: line 1: got "read = admin", wanted a section such as/)
        assert.match(message, /line 18: got "nonsense", wanted/)
        assert.match(message, /line 19: got a second section \[y\], wanted one/)
        assert.match(message, /section \[x_\(\]: wanted a regular expression: Invalid/)
        assert.match(message, /section \[z\]: delete: it is missing, wanted it in every section/)
        assert.match(
          message,
          /section \[\\Qz\]: wanted a regular expression: .*\\Q is not supported/,
        )
        return true
      },
    )
  })

  it('has one rule of the policy for each operation', () => {
    assert.throws(() => parse(section('x', 'a', { read: 'a, b' }), 'policies'), {
      name: 'ConfigError',
      message:
        'p.conf: section [x]: read: got "a, b", wanted one rule of the policy, which may combine others',
    })
  })
})

describe("a regular expression of Python's", () => {
  it('is found anywhere in a name, and means the same', () => {
    const cases: [pattern: string, name: string, found: boolean][] = [
      ['x_', 'my_x_y', true],
      ['^x_', 'my_x_y', false],
      [String.raw`\Ax\Z`, 'x', true],
      [String.raw`\Ax\Z`, 'Ax', false],
      ['(?P<a>x)-(?P=a)', 'x-x', true],
      ['(?P<a>x|y)-(?P=a)', 'x-y', false],
      ['(?i)^X_', 'x_a', true],
      [String.raw`^\w+$`, 'größe', true],
      [String.raw`^[\w\-]+$`, 'a-b', true],
      [String.raw`^x\-y\_z\.`, 'x-y_z.', true],
      [String.raw`^\W\d\D$`, '-1a', true],
      ['^[[]x', '[x', true],
    ]
    for (const [pattern, name, found] of cases) {
      assert.equal(pythonPattern(pattern).test(name), found, `${pattern} ${name}`)
    }
  })

  it('is refused when JavaScript would read it otherwise', () => {
    for (const pattern of [
      '(',
      '[]a]',
      'x{,3}',
      String.raw`\Q`,
      String.raw`[\A]`,
      '(?x) a',
      'a++',
    ]) {
      assert.throws(() => pythonPattern(pattern), SyntaxError, pattern)
    }
  })
})
