import { z } from 'zod'
import { withRegistry } from '../crafted.ts'
import type { Lab } from '../lab.ts'
import { prepareGlance } from '../peers/glance.ts'
import { startHeliostat } from '../peers/heliostat.ts'
import { ifThere } from '../peers/packages.ts'
import { imageIdOf, populate, populateGlance } from '../population.ts'
import type { Case, Measure, Workload } from '../workload.ts'
import { runWrk } from '../wrk.ts'

const IMAGES = 100_000
const CLIENTS = 4
/** So many pages of each kind are asked for, since a service may remember the one that it has just given. */
const PAGES = 5000

const KINDS: { name: string; query: (page: number) => string }[] = [
  {
    name: 'sort=size, marker',
    query: (page) => `sort=size:desc&marker=${imageIdOf(page * 10 + 5)}`,
  },
  {
    name: 'status, size_min, sort=name',
    query: (page) => `status=deactivated&size_min=${1_048_576 + page * 100}&sort=name:asc`,
  },
  {
    name: 'tag of all, property of one',
    // One of every twenty is of that system, and not of a community, which lists leave out.
    query: (page) => `tag=bench&os_distro=ubuntu-${page * 20 + 5}&sort=updated_at:desc`,
  },
]

const MEASURES: Measure[] = [
  { name: 'rate', unit: 'requests/s', better: 'more' },
  { name: 'p99', unit: 'ms', better: 'less' },
]

const page = z.object({ images: z.array(z.object({ id: z.string() })) })

/** Lists of which the whole registry would have to be read without an index. */
export const filteredList: Workload = {
  name: 'filtered-list',
  about: `25 of ${IMAGES.toLocaleString('en-US')} images by filters and sort keys, ${CLIENTS} clients`,
  async prepare(lab) {
    const services = await startServices(lab)
    const cases: Case[] = []
    for (const kind of KINDS) cases.push(await caseOf(lab, kind, services))
    return cases
  },
}

interface Service {
  name: string
  url: string
  pids: () => number[]
}

async function startServices(lab: Lab): Promise<Service[]> {
  const dataDir = await lab.subfolder('data')
  lab.tell(`Heliostat is given ${IMAGES} images`)
  await withRegistry(dataDir, (registry) => populate(registry, IMAGES))
  const site = await startHeliostat(lab, { dataDir })
  const glance = await ifThere(lab, 'Glance', async () => {
    const prepared = await prepareGlance(lab)
    lab.tell(`Glance is given ${IMAGES} images`)
    populateGlance(prepared.database, IMAGES)
    return prepared.start()
  })
  return [
    { name: 'Heliostat', url: site.url, pids: site.pids },
    ...(glance ? [{ name: 'Glance', url: glance.url, pids: glance.pids }] : []),
  ]
}

async function caseOf(
  lab: Lab,
  { name: kind, query }: (typeof KINDS)[number],
  services: Service[],
): Promise<Case> {
  const queries = Array.from({ length: PAGES }, (_, index) => query(index))
  await requireSamePage(queries[PAGES / 2] ?? '', services)
  const paths = queries.map((one) => `/v2/images?${one}`)
  return {
    name: kind,
    measures: MEASURES,
    work: '1,000 requests',
    subject: 'Heliostat',
    mostRounds: 3,
    contenders: services.map(({ name, url, pids }) => ({
      name,
      pids,
      async run() {
        // Some take more than a second.
        const options = { url, headers: {}, clients: CLIENTS, paths, seconds: lab.seconds * 2 }
        const { requests, seconds, p99 } = await runWrk(lab, options)
        return { values: { rate: requests / seconds, p99 }, work: requests / 1000 }
      },
    })),
  }
}

/** Also a check that both have the same images. */
async function requireSamePage(query: string, services: Service[]): Promise<void> {
  const pages = await Promise.all(
    services.map(async ({ url }) => {
      const response = await fetch(`${url}/v2/images?${query}`)
      return page.parse(await response.json()).images.map(({ id }) => id)
    }),
  )
  const [first = [], ...others] = pages.map(String)
  if (first === '' || others.some((other) => other !== first)) {
    throw new Error(`?${query} lists other images at each service: ${pages.join(' / ')}`)
  }
}
