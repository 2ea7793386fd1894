import { z } from 'zod'
import type { Datastore } from './places.ts'
import type { Session } from './session.ts'
import { callOf, element, type Reference, reference, referenceElement } from './soap.ts'

/** What the server knows of its data centers and datastores. */
export interface Inventory {
  datacenter(path: string): Promise<Reference>
  /** The one of the greatest weight that can be used; of several the one with the most free space. */
  choose(datastores: readonly Datastore[]): Promise<Datastore>
  /** Throws where a datastore cannot be used. */
  requireUsable(datastore: Datastore): Promise<void>
}

const value = z.union([
  z.string(),
  z.object({ '#text': z.string() }).transform((it) => it['#text']),
])
const found = z.object({
  propSet: z.array(z.object({ name: z.string(), val: z.unknown() })).default([]),
})
const references = z.object({ ManagedObjectReference: z.array(reference).default([]) })

export function createInventory(session: Session): Inventory {
  async function datacenter(path: string): Promise<Reference> {
    const values = await session.call(({ searchIndex }) =>
      callOf('FindByInventoryPath', searchIndex, element('inventoryPath', path)),
    )
    const { data } = reference.safeParse(values[0])
    if (data) return data
    throw new Error(`${session.server} has no data center "${path}": see vmware_datastores`)
  }

  /** Bytes that are free; null where the datastore cannot be used. */
  async function freeSpace({ datacenter: path, name }: Datastore): Promise<number | null> {
    const properties = await propertiesOf(session, await datacenter(path), ['datastore'])
    const { data } = references.safeParse(properties.get('datastore'))
    for (const each of data?.ManagedObjectReference ?? []) {
      const summary = ['summary.name', 'summary.accessible', 'summary.freeSpace']
      const [itsName, accessible, free] = (await textsOf(session, each, summary)).values()
      if (itsName === name) return accessible === 'true' ? Number(free) : null
    }
    throw new Error(
      `${session.server} has no datastore "${name}" in "${path}": see vmware_datastores`,
    )
  }

  return {
    datacenter,

    async requireUsable(datastore) {
      if ((await freeSpace(datastore)) !== null) return
      throw new Error(`${session.server} cannot use its datastore "${datastore.name}"`)
    },

    async choose(datastores) {
      const weights = [...new Set(datastores.map(({ weight }) => weight))].toSorted((a, b) => b - a)
      for (const weight of weights) {
        let best: { datastore: Datastore; free: number } | null = null
        for (const datastore of datastores.filter((each) => each.weight === weight)) {
          const free = (await freeSpace(datastore)) ?? 0
          if (free > (best?.free ?? 0)) best = { datastore, free }
        }
        if (best) return best.datastore
      }
      throw new Error(`${session.server} has no datastore with free space among vmware_datastores`)
    },
  }
}

/** Properties of an object, by their paths; one that is not set is not among them. */
export async function propertiesOf(
  session: Session,
  object: Reference,
  paths: readonly string[],
): Promise<Map<string, unknown>> {
  const wanted = paths.map((path) => element('pathSet', path)).join('')
  const specification =
    `<specSet><propSet>${element('type', object.type)}${wanted}</propSet>` +
    `<objectSet>${referenceElement('obj', object)}</objectSet></specSet>`
  const values = await session.call(({ propertyCollector }) =>
    callOf('RetrieveProperties', propertyCollector, specification),
  )
  const properties = found.safeParse(values[0]).data?.propSet ?? []
  return new Map(properties.map(({ name, val }) => [name, val]))
}

/** Those that are texts, in the order of their paths. */
export async function textsOf(
  session: Session,
  object: Reference,
  paths: readonly string[],
): Promise<Map<string, string>> {
  const properties = await propertiesOf(session, object, paths)
  return new Map(paths.map((path) => [path, value.safeParse(properties.get(path)).data ?? '']))
}
