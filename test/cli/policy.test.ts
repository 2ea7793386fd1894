import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { DEFAULT_RULES } from '../../src/identity/default-rules.ts'
import { folderOfFiles, heliostat } from './heliostat.ts'

let folder: Awaited<ReturnType<typeof folderOfFiles>>
before(async () => {
  folder = await folderOfFiles()
})
after(() => folder.remove())

const write = (name: string, ...lines: string[]) => folder.write(name, ...lines)

describe('heliostat policy', { concurrency: 2 }, () => {
  it('lists the rules in force as a policy file, overridden ones marked', async () => {
    const file = await write('policy.yaml', 'publicize_image: "rule:mine"', 'mine: "role:x"')
    const env = { HELIOSTAT_OSLO_POLICY__POLICY_FILE: file }
    const { code, stdout } = await heliostat(['policy', 'list'], env)
    assert.equal(code, 0)
    assert.deepEqual(parse(stdout), {
      ...DEFAULT_RULES,
      publicize_image: 'rule:mine',
      mine: 'role:x',
    })
    assert.match(stdout, /^# Default: "rule:context_is_admin"\n"publicize_image": "rule:mine"$/m)
    assert.match(stdout, /^# Without a default\n"mine": "role:x"$/m)
  })

  it('checks a file, and warns of rules without effect', async () => {
    const file = await write('good.yaml', 'get_image: "@"', 'odd: "@"')
    const { code, stdout, stderr } = await heliostat(['policy', 'check', file])
    assert.equal(code, 0)
    assert.match(stdout, /good\.yaml: no mistakes, \d+ rules with the defaults\n$/)
    assert.match(stderr, /rule "odd" means nothing here/)
  })

  it('tells all mistakes of a file (exit code 1)', async () => {
    const file = await write('bad.yaml', 'get_image: "role:x or"', 'add_image: 1')
    const { code, stderr } = await heliostat(['policy', 'check', file])
    assert.equal(code, 1)
    assert.equal(
      stderr,
      `heliostat: ${file}: rule "add_image": got 1, wanted a text such as "role:admin"\n` +
        `${file}: rule "get_image": got "role:x or", wanted a check such as role:admin before the end\n`,
    )
  })
})
