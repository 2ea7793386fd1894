import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseConfigFile } from '../../src/cli/options.ts'
import { fillReferences } from '../../src/cli/substitution.ts'

const lines = (...text: string[]) => parseConfigFile(text.join('\n'))

describe('a configuration file', () => {
  it('has options in sections', () => {
    assert.deepEqual(lines('[DEFAULT]', 'debug = true', '[database]', 'connection=file:x'), {
      DEFAULT: { debug: 'true' },
      database: { connection: 'file:x' },
    })
  })

  it('has options of [DEFAULT] before its first section', () => {
    assert.deepEqual(lines('debug = true', '[DEFAULT]', 'bind_port = 1'), {
      DEFAULT: { debug: 'true', bind_port: '1' },
    })
  })

  it('may take a section up again', () => {
    assert.deepEqual(lines('[a]', 'x = 1', '[b]', 'y = 2', '[a]', 'z = 3')['a'], {
      x: '1',
      z: '3',
    })
  })

  it('counts the last of repeated options', () => {
    assert.deepEqual(lines('[a]', 'x = 1', 'y = 2', 'x = 3')['a'], { x: '3', y: '2' })
  })

  it('has comments on lines of their own', () => {
    assert.deepEqual(lines('# one', '[a]', '; two', '#x = 0', '  # three', 'x = 1')['a'], {
      x: '1',
    })
  })

  it('has no comments behind a value', () => {
    assert.deepEqual(lines('[a]', 'x = 1 # one', 'y = a;b')['a'], { x: '1 # one', y: 'a;b' })
  })

  it('continues a value on lines that begin with blanks', () => {
    assert.deepEqual(lines('[a]', 'x = one,', '  two,', '\tthree', 'y = 2')['a'], {
      x: 'one, two, three',
      y: '2',
    })
  })

  it('continues a value behind a comment', () => {
    assert.deepEqual(lines('[a]', 'x = one,', '# not two', '  three', 'y = 2')['a'], {
      x: 'one, three',
      y: '2',
    })
  })

  it('loses no option that is indented', () => {
    assert.deepEqual(lines('[a]', '# comment', '  x = 1', 'y = 2')['a'], { x: '1', y: '2' })
    assert.deepEqual(lines('[a]', '  x = 1')['a'], { x: '1' })
  })

  it('takes one pair of quotes off a value', () => {
    assert.deepEqual(lines('x = "one"', '[a]')['DEFAULT'], { x: 'one' })
    const quoted = lines('[a]', `x = " one "`, `y = 'two'`, `z = "'three'"`, `w = "four'`)
    assert.deepEqual(quoted['a'], { x: ' one ', y: 'two', z: "'three'", w: `"four'` })
  })

  it('leaves lists, numbers and URLs as they are written', () => {
    const text = ['[a]', 'x = [p, q]', 'y = 007', 'z = sqlite:///a=b?c=d', 'w = True']
    assert.deepEqual(lines(...text)['a'], {
      x: '[p, q]',
      y: '007',
      z: 'sqlite:///a=b?c=d',
      w: 'True',
    })
  })

  it('may have a colon instead of the equals sign', () => {
    assert.deepEqual(lines('[a]', 'x: 1', 'y : file:z')['a'], { x: '1', y: 'file:z' })
  })

  it('may have options without a value', () => {
    assert.deepEqual(lines('[a]', 'x =', 'y=')['a'], { x: '', y: '' })
  })

  it('may come from Windows', () => {
    assert.deepEqual(parseConfigFile('[a]\r\nx = one\r\n two\r\ny = 2\r\n')['a'], {
      x: 'one two',
      y: '2',
    })
  })

  it('refers to other options of its section, or of another', () => {
    const filled = fillReferences(
      lines(
        'base = /srv',
        'log_file = $base/a.log',
        '[a]',
        'x = one',
        'y = ${x}, $base, ${DEFAULT.log_file}',
        'z = <$y>',
      ),
    )
    assert.equal(filled['DEFAULT']?.['log_file'], '/srv/a.log')
    assert.deepEqual(filled['a'], {
      x: 'one',
      y: 'one, /srv, /srv/a.log',
      z: '<one, /srv, /srv/a.log>',
    })
  })

  it('has a dollar sign written twice or behind a backslash, or where it refers to nothing', () => {
    const filled = fillReferences(
      lines('[a]', 'x = p$$w', String.raw`y = p\$w`, 'z = p$w$', 'w = $w'),
    )
    const strange = fillReferences(lines('[a]', 'x = $toString ${constructor.name}'))
    assert.deepEqual(strange['a'], { x: '$toString ${constructor.name}' })
    assert.deepEqual(filled['a'], { x: 'p$w', y: 'p$w', z: 'p$w$', w: '$w' })
  })

  it('is refused with the number and text of a line that is none', () => {
    assert.throws(() => lines('[a]', 'x = 1', '  2', '# c', 'junk'), /\[5\] "junk"/)
    assert.throws(() => lines('[a', 'x = 1'), /\[1\] "\[a"/)
  })
})
