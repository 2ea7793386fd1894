import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { HeliostatError } from '../../src/errors.ts'
import { type AddressRules, createAddressFilter } from '../../src/http/address-filter.ts'

const DEFAULTS: AddressRules = {
  allowed_schemes: ['http', 'https'],
  disallowed_schemes: [],
  allowed_hosts: [],
  disallowed_hosts: [],
  allowed_ports: [80, 443],
  disallowed_ports: [],
}

const filter = (rules: Partial<AddressRules> = {}) => createAddressFilter({ ...DEFAULTS, ...rules })

function accepts(url: string, rules?: Partial<AddressRules>): void {
  assert.equal(filter(rules).check(url).href, new URL(url).href)
}

function refuses(urls: string[], message: RegExp, rules?: Partial<AddressRules>): void {
  for (const url of urls) {
    assert.throws(() => filter(rules).check(url), { code: 'invalid', status: 400, message }, url)
  }
}

describe('a URL that a user has chosen', () => {
  it('is taken with a name, an address, a port, a path and a query', () => {
    accepts('http://images.example/a/b.qcow2')
    accepts('https://images.example:443/a%20b?x=1&y[]=2')
    accepts('HTTPS://Images.Example')
    accepts('http://xn--bcher-kva.example:80/')
    accepts('http://my_host/')
    accepts('http://8.8.8.8/x')
    accepts('https://[2606:4700:0:0::1111]/x')
  })

  it('is refused with any scheme but http and https (400)', () => {
    refuses(
      ['file:///etc/passwd', 'FILE://host/etc/passwd', 'ftp://images.example/', 'rbd://a/b/c/d'],
      /scheme|host/,
    )
    refuses(['file://localhost/etc/passwd'], /wanted one of: http, https/, {
      allowed_schemes: ['file', 'http', 'https'],
    })
  })

  it('is refused where it has no host (400)', () => {
    refuses(
      ['', 'x', '/etc/passwd', 'http:', 'http:/images.example/', 'http:images.example'],
      /the form|a character/,
    )
    refuses(['http:///x', 'http://:80/', 'http://?x'], /the host/)
  })

  it('is refused with a user (400)', () => {
    refuses(
      [
        'http://user@images.example/',
        'http://u:p@images.example/',
        'http://images.example@127.0.0.1/',
      ],
      /without one/,
    )
  })

  it('is refused with backslashes, controls, blanks and letters beyond ASCII (400)', () => {
    refuses(
      [
        'http:\\\\127.0.0.1\\x',
        'http://images.example\\@127.0.0.1/',
        'http://images.example\t/',
        'http://images\n.example/',
        ' http://images.example/',
        'http://images.example/\0',
        'http://images.example/ä',
        'http://①②⑦.⓪.⓪.①/',
        'http://127。0。0。1/',
        'http://１２７.0.0.1/',
        'http://ımages.example/',
        'http://images.example\u00ad/',
      ],
      /a character/,
    )
  })

  it('may have a fragment, but none instead of a path (400)', () => {
    assert.equal(filter().check('http://images.example/a#new').hash, '#new')
    refuses(['http://images.example#@127.0.0.1/'], /without one/)
    refuses(['http://images.example#127.0.0.1/', 'http://images.example:80#/'], /the host/)
  })

  it('is refused with an IPv4 address in any spelling but four decimal numbers (400)', () => {
    refuses(
      [
        'http://2130706433/',
        'http://0x7f000001/',
        'http://0x7f.0.0.1/',
        'http://0X7F.1/',
        'http://017700000001/',
        'http://0177.0.0.1/',
        'http://127.0.0.01/',
        'http://127.1/',
        'http://127.0.1/',
        'http://0/',
        'http://127.0.0.1./',
        'http://127.0.0.256/',
        'http://8.8.8.8.8/',
        'http://134744072/',
        'http://1.0x/',
      ],
      /wanted HOST\[:PORT\] with a name, four decimal numbers or \[IPv6\]/,
    )
  })

  it('is refused with IPv6 that stands for IPv4, has a zone or no brackets (400)', () => {
    refuses(
      [
        'http://[::ffff:127.0.0.1]/',
        'http://[::ffff:7f00:1]/',
        'http://[0:0:0:0:0:ffff:808:808]/',
        'http://[::127.0.0.1]/',
        'http://[fe80::1%25eth0]/',
        'http://[fe80::1%eth0]/',
        'http://[]/',
        'http://[::1/',
        'http://::1/',
      ],
      /the host/,
    )
  })

  it('is refused with a host that is percent-encoded, ends in a dot or is no name (400)', () => {
    refuses(
      [
        'http://%31%32%37.0.0.1/',
        'http://images%2eexample/',
        'http://images.example./',
        'http://.images.example/',
        'http://images..example/',
        'http://-images.example/',
        'http://images-.example/',
        `http://${'a'.repeat(64)}.example/`,
        'http://a,b/',
        'http://xn--a/',
      ],
      /the host/,
    )
  })

  it('is refused with a port that is odd (400)', () => {
    refuses(
      [
        'http://a.example:/',
        'http://a.example:080/',
        'http://a.example:0/',
        'http://a.example:8a/',
      ],
      /the host/,
    )
    refuses(['http://a.example:99999/'], /port 99999/)
    refuses(['http://a.example:65616/'], /the host/, { allowed_ports: [65616] })
  })

  it('is refused with an address that is not public (400)', () => {
    refuses(
      [
        'http://127.0.0.1/',
        'http://127.9.9.9/',
        'http://0.0.0.0/',
        'http://10.1.2.3/',
        'http://172.16.0.1/',
        'http://192.168.1.1/',
        'http://100.64.0.1/',
        'http://169.254.169.254/latest/meta-data/',
        'http://168.63.129.16/',
        'http://192.0.0.192/',
        'http://192.0.2.1/',
        'http://198.18.0.1/',
        'http://224.0.0.1/',
        'http://255.255.255.255/',
        'http://[::]/',
        'http://[::1]/',
        'http://[::7f00:1]/',
        'http://[64:ff9b::7f00:1]/',
        'http://[2002:7f00:1::]/',
        'http://[2001:0:7f00:1::]/',
        'http://[2001:db8::1]/',
        'http://[fe80::1]/',
        'http://[fec0::1]/',
        'http://[fd00:ec2::254]/',
        'http://[ff02::1]/',
        'http://[4000::1]/',
        'http://localhost/',
        'http://a.LocalHost/',
      ],
      /wanted one with a public address, or one of allowed_hosts/,
    )
  })
})

describe('the rules for URLs', () => {
  it('allow a private host that is named, in whichever spelling', () => {
    accepts('http://127.0.0.1/', { allowed_hosts: ['127.0.0.1'] })
    accepts('http://localhost/', { allowed_hosts: ['LOCALHOST'] })
    accepts('http://[fd00:0::5]/', { allowed_hosts: ['[fd00::5]'] })
    accepts('http://[fd00::5]/', { allowed_hosts: ['FD00:0:0::5'] })
  })

  it('refuse hosts that are not among those allowed (400)', () => {
    const rules = { allowed_hosts: ['a.example'], disallowed_hosts: ['a.example'] }
    accepts('http://A.Example/', rules)
    refuses(['http://b.example/', 'http://a.example.b/'], /wanted one of allowed_hosts/, rules)
  })

  it('refuse hosts that are disallowed (400)', () => {
    const rules = { disallowed_hosts: ['A.example', '2606:4700::1'] }
    accepts('http://b.example/', rules)
    refuses(['http://a.EXAMPLE/', 'http://[2606:4700:0::1]/'], /none of disallowed_hosts/, rules)
  })

  it('look at ports where there is one', () => {
    accepts('http://a.example/', { allowed_ports: [8080] })
    accepts('http://a.example:8080/', { allowed_ports: [8080], disallowed_ports: [8080] })
    refuses(['http://a.example:22/', 'http://a.example:8080/'], /wanted one of: 80, 443/)
    const denied = { allowed_ports: [], disallowed_ports: [22] }
    accepts('http://a.example:8080/', denied)
    refuses(['http://a.example:22/'], /wanted none of: 22/, denied)
  })

  it('look at schemes', () => {
    refuses(['http://a.example/'], /wanted one of: https$/, { allowed_schemes: ['https'] })
    const denied = { allowed_schemes: [], disallowed_schemes: ['http'] }
    accepts('https://a.example/', denied)
    refuses(['http://a.example/'], /wanted one of: https$/, denied)
  })
})

describe('an address that a name was resolved to', () => {
  const refused = { code: 'invalid', message: /host "a.example": wanted/ }

  it('may be public, also as IPv4 within IPv6', () => {
    for (const address of ['8.8.8.8', '::ffff:8.8.8.8', '2606:4700::1111']) {
      filter().checkAddress('a.example', address)
    }
  })

  it('is refused where it is not public (400)', () => {
    for (const address of [
      '127.0.0.1',
      '::ffff:127.0.0.1',
      '169.254.169.254',
      'fd00:ec2::254',
      'fe80::1%eth0',
      '::127.0.0.1',
      '64:ff9b::10.0.0.1',
      '0.0.0.0',
      'nonsense',
      '',
    ]) {
      assert.throws(() => filter().checkAddress('a.example', address), refused, address)
    }
  })

  it('may be any where the host is one of those allowed', () => {
    filter({ allowed_hosts: ['a.example'] }).checkAddress('A.example', '10.0.0.1')
    assert.throws(
      () => filter({ allowed_hosts: ['b.example'] }).checkAddress('a.example', '10.0.0.1'),
      refused,
    )
  })

  it('is refused where it is disallowed itself (400)', () => {
    const some = filter({ disallowed_hosts: ['8.8.8.8'] })
    assert.throws(() => some.checkAddress('a.example', '8.8.8.8'), refused)
    assert.throws(() => some.checkAddress('a.example', '::ffff:8.8.8.8'), refused)
  })
})

describe('whatever text is checked', () => {
  it('either is refused, or names the host that the parser sees, and that one is not local', () => {
    const start = fc.constantFrom('http://', 'https://', '')
    const piece = fc.constantFrom(
      ...['http', 'file', '://', ':', '/', '\\', '@', '.', '%2e', '0x7f', '127', '0177', '80', ' '],
      ...['1', '::', '[', ']', 'ffff:', 'a', 'xn--', '。', '１', '\t', '?', '#', 'localhost'],
    )
    const texts = fc.tuple(start, fc.array(piece, { maxLength: 8 }))
    const property = fc.property(texts, ([scheme, pieces]) => {
      const text = scheme + pieces.join('')
      const checked = checkedOrNull(text)
      if (!checked) return
      const authority = /^https?:\/\/([^/?]*)/i.exec(text)?.[1] ?? ''
      assert.equal(checked.hostname, authority.replace(/:\d+$/, ''))
      assert.doesNotMatch(checked.hostname, /^(127|0)(\.\d+)+$|(^|\.)localhost$|^\[::/)
    })
    fc.assert(property, { numRuns: 5000 })
  })

  function checkedOrNull(text: string): URL | null {
    try {
      return filter().check(text)
    } catch (error) {
      assert.ok(error instanceof HeliostatError)
      return null
    }
  }
})
