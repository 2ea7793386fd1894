/**
 * The JSON Schemas beside those of Glance (2026.2, with its own schema-image.json), key by key. Of descriptions only
 * where they stand is compared: ours say the same in other words.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { createTestSite, type TestSite } from '../support/site.ts'

type Schema = Record<string, unknown>

/** A list holds the schema of one, and what several refer to is the same: `$same` names the schema that has it. */
const GLANCE: Record<string, Schema> = JSON.parse(
  await readFile(new URL('glance-schemas.json', import.meta.url), 'utf8'),
)

let site: TestSite
before(async () => {
  site = await createTestSite()
})
after(() => site.close())

function whole(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) return value.map((item) => whole(item))
  if (!isSchema(value)) return value
  const { $same, ...own } = value
  if (typeof $same !== 'string') return mapValues(value, whole)
  const { definitions, ...same } = GLANCE[$same] ?? {}
  return key === 'definitions' ? definitions : mapValues({ ...same, ...own }, whole)
}

/** Without the words of descriptions. `names` is whether the keys are names of properties, one of which may be "description". */
function wordless(value: unknown, names = false): unknown {
  if (Array.isArray(value)) return value.map((item) => wordless(item))
  if (!isSchema(value)) return value
  return mapValues(value, (item, key) =>
    key === 'description' && !names ? '…' : wordless(item, key === 'properties' && !names),
  )
}

/** The names of all properties and definitions, in their order. */
function namesOf(value: unknown): string[][] {
  if (!isSchema(value)) return []
  const named = [value['properties'], value['definitions']].filter(isSchema)
  const parts = Object.keys(value).toSorted()
  return [...named.map(Object.keys), ...parts.flatMap((part) => namesOf(value[part]))]
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function mapValues(value: Schema, change: (item: unknown, key: string) => unknown): Schema {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item, key)]))
}

describe('the schema at /v2/schemas/', () => {
  for (const name of Object.keys(GLANCE)) {
    it(`${name} is that of Glance`, async () => {
      const ours = wordless(await (await site.request(`/v2/schemas/${name}`)).json())
      const glance = whole(GLANCE[name])
      assert.deepEqual(ours, glance)
      assert.deepEqual(Object.keys(Object(ours)), Object.keys(Object(glance)))
      assert.deepEqual(namesOf(ours), namesOf(glance))
    })
  }
})
