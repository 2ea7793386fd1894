import assert from 'node:assert/strict'
import { startEdge, startOrigin, temporaryFolders, untilActive } from '../support/mirrors.ts'
import { startProxy } from '../support/proxy.ts'
import { createRaw, upload } from './data.ts'

export type Pair = Awaited<ReturnType<typeof startPair>>

/** An origin, a wire that counts, and an edge at its other end. `prepare` is given the edge's folder before it starts. */
export async function startPair(
  env: Record<string, string> = {},
  prepare: (atEdge: string) => void = () => undefined,
) {
  const folders = await temporaryFolders(2)
  const [atOrigin = '', atEdge = ''] = folders.paths
  prepare(atEdge)
  const origin = await startOrigin(atOrigin, env)
  const proxy = await startProxy(origin.url)
  const pair = {
    atOrigin,
    atEdge,
    origin,
    proxy,
    edge: await startEdge(atEdge, proxy.url, env),

    /** Stores an image at the origin and waits until the edge shows it. */
    publish: (bytes: Buffer<ArrayBuffer>) => publish(pair.origin.url, [pair.edge.url], bytes),

    /** Starts the edge again, after it was stopped or killed. */
    async restartEdge(): Promise<void> {
      pair.edge = await startEdge(atEdge, proxy.url, env)
    },

    /** `clean` is given the edge's folder before it goes. */
    async close(clean: (atEdge: string) => void = () => undefined): Promise<void> {
      await Promise.all([pair.edge.stop(), pair.origin.stop()])
      await proxy.close()
      clean(atEdge)
      await folders.remove()
    },
  }
  return pair
}

/** Stores an image at one site and waits until the others show it. */
export async function publish(url: string, others: string[], bytes: Buffer<ArrayBuffer>) {
  const id = await createRaw(url)
  assert.equal((await upload(url, id, bytes)).status, 204)
  await Promise.all(others.map((other) => untilActive(other, id)))
  return { id, path: `/v2/images/${id}/file` }
}
