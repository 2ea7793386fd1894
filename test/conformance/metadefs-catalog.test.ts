/** OpenStack's catalog of metadata definitions, as Debian's glance-common has it. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { RunningProcess } from '../support/process.ts'
import { runHeliostat, startOnNode } from '../support/server.ts'
import { temporaryFolder } from '../support/site.ts'

const CATALOG = '/usr/share/glance-common/metadefs'

type Definitions = Record<string, Record<string, unknown>>
type Named = { name: string }

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let files: Awaited<ReturnType<typeof readFiles>>
let server: RunningProcess
before(async () => {
  folder = await temporaryFolder()
  files = await readFiles(CATALOG)
  await heliostat('sync', 'first')
  await heliostat('sync', 'second')
})
after(async () => {
  await server?.stop()
  await folder.remove()
})

async function readFiles(path: string) {
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).toSorted()
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')))
  return texts.map((text, index) => ({ name: names[index], file: JSON.parse(text) }))
}

async function heliostat(command: string, registry: string, path: string[] = []): Promise<string> {
  const args = ['db', command, ...path, '--data-dir', join(folder.path, registry)]
  const { code, stdout, stderr } = await runHeliostat(args)
  assert.equal(code, 0, stderr)
  return stdout
}

describe('the catalog of OpenStack', () => {
  it('is loaded, exported, and loaded from the export with an equal result', async () => {
    assert.ok(files.length > 30)
    const [exported, again] = [join(folder.path, 'exported'), join(folder.path, 'again')]
    const summary = `Loaded ${files.length} namespaces from ${files.length} files\n`
    assert.equal(await heliostat('load-metadefs', 'first', [CATALOG]), summary)
    await heliostat('export-metadefs', 'first', [exported])
    assert.equal(await heliostat('load-metadefs', 'second', [exported]), summary)
    await heliostat('export-metadefs', 'second', [again])
    assert.deepEqual(await readFiles(again), await readFiles(exported))
    assert.equal((await readFiles(exported)).length, files.length)
  })

  it('is shown as its files say, defaults being text', async () => {
    server = await startOnNode(join(folder.path, 'second'))
    for (const { file } of files) {
      const url = `${server.url}/v2/metadefs/namespaces/${file.namespace}`
      assert.deepEqual(comparable(await (await fetch(url)).json()), {
        ...file,
        protected: file.protected ?? false,
        owner: 'admin',
        properties: withTextDefaults(file.properties),
        resource_type_associations: file.resource_type_associations,
        objects: (file.objects ?? [])
          .toSorted((a: Named, b: Named) => (a.name < b.name ? -1 : 1))
          .map((object: { properties: Definitions }) => ({
            required: [],
            ...object,
            properties: withTextDefaults(object.properties),
          })),
      })
    }
  })

  it('has the resource types of its files', async () => {
    const response = await fetch(`${server.url}/v2/metadefs/resource_types`)
    const { resource_types } = await response.json()
    const named = files.flatMap(({ file }) => file.resource_type_associations.map(nameOf))
    assert.deepEqual(resource_types.map(nameOf), [...new Set(named)].toSorted())
  })
})

const nameOf = ({ name }: Named) => name

/** What a namespace shows, without what the service adds; what it leaves out is empty. */
function comparable(shown: Record<string, unknown>): Record<string, unknown> {
  const { properties = {}, objects = [], resource_type_associations = [], ...rest } = bare(shown)
  return {
    ...rest,
    properties,
    resource_type_associations: Object(resource_type_associations).map(bare),
    objects: Object(objects).map(bare),
  }
}

function bare(record: Record<string, unknown>): Record<string, unknown> {
  const added = ['created_at', 'updated_at', 'self', 'schema']
  return Object.fromEntries(Object.entries(record).filter(([key]) => !added.includes(key)))
}

function withTextDefaults(properties: Definitions = {}): Definitions {
  return Object.fromEntries(
    Object.entries(properties).map(([name, { default: value, ...rest }]) => [
      name,
      value === undefined ? rest : { ...rest, default: String(value) },
    ]),
  )
}
