/** Everybody who can serve a file, with the same one. */
import { join } from 'node:path'
import { type Download, requireSame } from '../downloads.ts'
import { publish, writeRandom } from '../images.ts'
import type { Lab } from '../lab.ts'
import { startGlance } from '../peers/glance.ts'
import { startEdge, startHeliostat } from '../peers/heliostat.ts'
import { startNginx, startSliceCache } from '../peers/nginx.ts'
import { ifThere } from '../peers/packages.ts'
import { startVarnish } from '../peers/varnish.ts'

export interface Holder extends Download {
  name: string
  pids: () => number[]
}

/** A folder with a file of random bytes, which is `image` there. */
export async function prepareFile(lab: Lab, size: number) {
  lab.tell(`Writing ${size / 2 ** 20} MiB of random bytes`)
  const folder = await lab.subfolder('files')
  const path = join(folder, 'image')
  await writeRandom(path, size)
  return { folder, path }
}

/** Starts all of them. Each has given the file once, which is compared; caches have it since. */
export async function startHolders(lab: Lab, size: number): Promise<Holder[]> {
  const { folder, path } = await prepareFile(lab, size)
  const holders = [
    ...(await heliostats(lab, path)),
    ...(await nginxAndCaches(lab, folder)),
    ...(await glance(lab, path)),
  ]
  for (const holder of holders) {
    lab.tell(`Comparing what ${holder.name} gives`)
    await requireSame(lab, holder, path)
  }
  return holders
}

async function heliostats(lab: Lab, path: string): Promise<Holder[]> {
  const origin = await startHeliostat(lab)
  const { id, url, headers } = await publish(lab, { url: origin.url, headers: {} }, path)
  const edge = await startEdge(lab, origin)
  const atEdge = `${edge.url}/v2/images/${id}/file`
  return [
    { name: 'Heliostat', url, headers, pids: origin.pids },
    { name: 'Heliostat edge', url: atEdge, headers, pids: edge.pids },
  ]
}

async function nginxAndCaches(lab: Lab, folder: string): Promise<Holder[]> {
  const nginx = await ifThere(lab, 'nginx', () => startNginx(lab, folder))
  if (!nginx) return []
  const servers = [
    { name: 'nginx', server: nginx },
    {
      name: 'nginx slice',
      server: await ifThere(lab, 'nginx slice', () => startSliceCache(lab, nginx.url)),
    },
    {
      name: 'Varnish',
      server: await ifThere(lab, 'Varnish', () => startVarnish(lab, nginx.url)),
    },
  ]
  return servers.flatMap(({ name, server }) =>
    server ? { name, url: `${server.url}/image`, headers: {}, pids: server.pids } : [],
  )
}

async function glance(lab: Lab, path: string): Promise<Holder[]> {
  const holder = await ifThere(lab, 'Glance', async () => {
    const server = await startGlance(lab)
    const { url, headers } = await publish(lab, { url: server.url, headers: {} }, path)
    return { name: 'Glance', url, headers, pids: server.pids }
  })
  return holder ? [holder] : []
}
