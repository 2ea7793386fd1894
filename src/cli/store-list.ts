import { heldByStore } from '../images/locations/held.ts'
import { hideCredentials } from '../masking.ts'
import { reasonOf } from '../reason.ts'
import { conditionsOf, isReadOnly, type Store } from '../stores/store.ts'
import { print } from './print.ts'
import { formatBytes } from './progress.ts'
import { requireStore, type StoreSite } from './store-site.ts'
import { printTable } from './table.ts'

/** `heliostat store list`. Stores that images lie in and that are not configured are listed too. */
export async function list(
  { registry, stores }: StoreSite,
  { json }: { json?: true },
): Promise<void> {
  const held = new Map((await heldByStore(registry)).map((row) => [row.store, row]))
  const configured = stores.all.map((store) => ({
    ...describe(store),
    ...countsOf(held, store.id),
  }))
  const unknown = [...held.keys()]
    .filter((id) => !stores.find(id))
    .map((id) => ({ ...UNKNOWN, id, ...countsOf(held, id) }))
  const rows = [...configured, ...unknown]
  if (json) return print(JSON.stringify(rows, null, 2))
  const cells = rows.map((row) => [
    row.id,
    row.kind ?? 'NOT CONFIGURED',
    [row.default && 'default', row.read_only && 'read-only'].filter(Boolean).join(', '),
    row.weight === null ? '' : String(row.weight),
    String(row.images),
    formatBytes(row.bytes),
    row.place ?? '',
  ])
  printTable([['ID', 'KIND', '', 'WEIGHT', 'IMAGES', 'SIZE', 'PLACE'], ...cells])
}

const UNKNOWN = { kind: null, default: false, read_only: true, weight: null, place: null }

function describe(store: Store) {
  const { id, kind, isDefault, weight, place } = store
  return {
    id,
    kind,
    default: isDefault,
    read_only: isReadOnly(store),
    weight,
    place: hideCredentials(place),
  }
}

function countsOf(held: Map<string, { images: number; bytes: number }>, id: string) {
  const { images = 0, bytes = 0 } = held.get(id) ?? {}
  return { images, bytes }
}

/** `heliostat store check`. Exit code 1 when one does not answer, or is another registry's. */
export async function check({ stores }: StoreSite, ids: string[]): Promise<void> {
  const chosen = ids.length === 0 ? stores.all : ids.map((id) => requireStore(stores, id))
  const conditions = conditionsOf({ all: chosen })
  const rows: string[][] = []
  for (const store of chosen) {
    const condition = conditions.find(({ id }) => id === store.id)
    const fault = condition ? await faultOf(condition) : null
    if (fault !== null) process.exitCode = 1
    const well = condition ? 'answers' : 'is asked image by image'
    const access = isReadOnly(store) ? 'read-only' : 'read and written'
    rows.push([store.id, store.kind, fault === null ? `${well}, ${access}` : `FAILS: ${fault}`])
  }
  printTable(rows)
}

/** What is wrong with a store; null for nothing. */
async function faultOf({
  ownership,
}: ReturnType<typeof conditionsOf>[number]): Promise<string | null> {
  try {
    switch (await ownership()) {
      case 'ours':
        return null
      case 'foreign':
        return 'its chunks belong to another registry, wanted those of this one'
      case 'missing':
        return 'it is empty, though images lie in it: is its volume mounted?'
    }
  } catch (error) {
    return hideCredentials(reasonOf(error))
  }
}
