/** The small requests that clients make most: one image, and the first page of all. */
import { z } from 'zod'
import { createImage, type ImageService } from '../images.ts'
import type { Lab, Server } from '../lab.ts'
import { startGlance } from '../peers/glance.ts'
import { startHeliostat } from '../peers/heliostat.ts'
import { type Keystone, startKeystone } from '../peers/keystone.ts'
import { ifThere } from '../peers/packages.ts'
import type { Case, Contender, Measure, Workload } from '../workload.ts'
import { runWrk } from '../wrk.ts'

const CLIENTS = 16
const IMAGES = 100
/** As many as both services give unless they are asked for another number. */
const PAGE = 25

const page = z.object({ images: z.array(z.object({ id: z.string() })) })

export const show: Workload = {
  name: 'show',
  about: `one image's record, of ${IMAGES} in turns, ${CLIENTS} clients`,
  prepare: (lab) =>
    prepare(lab, {
      name: 'show',
      goal: 100,
      pathsOf: (ids) => ids.map((id) => `/v2/images/${id}`),
    }),
}

export const list: Workload = {
  name: 'list',
  about: `the newest ${PAGE} of ${IMAGES} images, ${CLIENTS} clients`,
  prepare: (lab) => prepare(lab, { name: 'list', goal: 60, pathsOf: () => ['/v2/images'] }),
}

interface Question {
  name: string
  goal: number
  pathsOf: (ids: string[]) => string[]
}

async function prepare(lab: Lab, question: Question): Promise<Case[]> {
  const open = await startServices(lab, null)
  const keystone = await ifThere(lab, 'Keystone', () => startKeystone(lab))
  const closed = keystone ? await startServices(lab, keystone) : []
  return [
    caseOf(lab, { ...question, name: `${question.name}, empty flavor` }, open),
    ...(keystone ? [caseOf(lab, { ...question, name: `${question.name}, Keystone` }, closed)] : []),
  ]
}

interface Service extends ImageService {
  name: string
  pids: () => number[]
  ids: string[]
}

/** The token of an administrator is used for all requests, so that both services remember it. */
async function startServices(lab: Lab, keystone: Keystone | null): Promise<Service[]> {
  const options = keystone
    ? { paste_deploy: { flavor: 'keystone' }, keystone_authtoken: keystone.authtoken }
    : {}
  const services = [{ name: 'Heliostat', server: await startHeliostat(lab, { options }) }]
  const glance = await ifThere(lab, 'Glance', () => startGlance(lab, keystone ? { keystone } : {}))
  const all: { name: string; server: Server }[] = glance
    ? [...services, { name: 'Glance', server: glance }]
    : services
  const headers: Record<string, string> = keystone ? { 'X-Auth-Token': await keystone.token() } : {}
  return Promise.all(
    all.map(async ({ name, server: { url, pids } }) => {
      lab.tell(`${name} is given ${IMAGES} images`)
      return { name, url, headers, pids, ids: await fill({ url, headers }) }
    }),
  )
}

async function fill(service: ImageService): Promise<string[]> {
  const ids: string[] = []
  for (let index = 0; index < IMAGES; index++) {
    const attributes = {
      name: `image-${index}`,
      tags: ['bench'],
      os_distro: 'debian',
      os_version: `${index}`,
      hw_disk_bus: 'virtio',
    }
    ids.push(await createImage(service, attributes))
  }
  const response = await fetch(`${service.url}/v2/images`, { headers: service.headers })
  const { images } = page.parse(await response.json())
  if (images.length !== PAGE) throw new Error(`a page has ${images.length} images, wanted ${PAGE}`)
  return ids
}

function caseOf(lab: Lab, { name, goal, pathsOf }: Question, services: Service[]): Case {
  const measures: Measure[] = [
    { name: 'rate', unit: 'requests/s', better: 'more', goals: [{ peer: 'Glance', ratio: goal }] },
    { name: 'p99', unit: 'ms', better: 'less' },
  ]
  const contenders = services.map((service): Contender => ({
    name: service.name,
    pids: service.pids,
    async run() {
      const { url, headers } = service
      const paths = pathsOf(service.ids)
      const { requests, seconds, p99 } = await runWrk(lab, {
        url,
        headers,
        clients: CLIENTS,
        paths,
      })
      return { values: { rate: requests / seconds, p99 }, work: requests / 1000 }
    },
  }))
  return { name, measures, work: '1,000 requests', subject: 'Heliostat', contenders }
}
