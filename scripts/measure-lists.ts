/**
 * How long lists of images take, by order, filter and caller: `node --import tsx scripts/measure-lists.ts FILE [IMAGES]`.
 * Fills the registry in the file first, where it has no images yet: a million takes five minutes.
 */
import { images, LIST_KEYS } from '../schema/tables.ts'
import { createImageList } from '../src/images/list/pages.ts'
import { parseListQuery } from '../src/images/list/query.ts'
import { openRegistry } from '../src/registry/database.ts'
import { openEmbedded } from '../src/registry/embedded.ts'
import { migrate } from '../src/registry/migrate.ts'
import { PROJECTS, writeManyImages } from '../test/support/many-images.ts'

const LIMITS = { limit_param_default: 25, api_limit_max: 1000 }
const ROUNDS = 9

const VIEWERS = [
  { isAdmin: true, projectId: 'cloud' },
  ...Object.values(PROJECTS).map((projectId) => ({ isAdmin: false, projectId })),
]

const ORDERS = LIST_KEYS.flatMap((key) => [`sort=${key}:asc`, `sort=${key}:desc`])
const PAIRS = ['name:asc,size:desc', 'status:asc,name:asc', 'size:desc,id:asc', 'disk_format,size']
const FILTERS = [
  ...['status=active', 'status=deactivated', 'status=active&sort=name:asc', 'disk_format=iso'],
  ...['size_min=16000000000', 'size_min=16700000000&sort=name:asc', 'name=backup', 'name=none'],
  ...['visibility=public', 'visibility=private', 'visibility=shared', 'visibility=community'],
  ...['visibility=all', `owner=${PROJECTS.large}`, 'tag=nightly', 'tag=release-3'],
  ...['os_distro=ubuntu', 'nothing=none', 'updated_at=gt:2025-12-01', 'protected=true'],
  ...['min_ram=512', 'min_ram=77', 'os_hidden=true', 'limit=1000'],
]

const [file, count = '0'] = process.argv.slice(2)
if (file === undefined) throw new Error('Wanted the file of a registry')
const registry = openRegistry(openEmbedded(file))
await migrate(registry)
if ((await registry.$count(images)) === 0) await writeManyImages(registry, Number(count))
const list = createImageList(registry, false)

console.log(`ms, median of ${ROUNDS}`.padEnd(50), ['admin', ...Object.keys(PROJECTS)].join('\t'))
for (const query of ['', ...ORDERS, ...PAIRS.map((pair) => `sort=${pair}`), ...FILTERS]) {
  const cells: string[] = []
  for (const viewer of VIEWERS) cells.push((await timeOf(query, viewer)).toFixed(2))
  console.log(query.padEnd(50), cells.join('\t'))
}
registry.$client.close()

async function timeOf(query: string, viewer: (typeof VIEWERS)[number]): Promise<number> {
  const asked = parseListQuery(new URLSearchParams(query), LIMITS)
  const times: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    await list(asked, viewer, null)
    times.push(performance.now() - start)
  }
  return times.toSorted((one, other) => one - other)[ROUNDS >> 1] ?? 0
}
