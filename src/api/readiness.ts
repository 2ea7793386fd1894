import type { Readiness } from '../readiness.ts'
import type { App } from './context.ts'
import { json } from './json.ts'

/** Mounts `/readyz`: whether this site can serve [200, 503], and what is wrong with it. No identity is asked for. */
export function mountReadiness(app: App, readiness: () => Promise<Readiness>): void {
  app.get('/readyz', async (context) => {
    const { ready, reasons, damaged, failing, failingStores, edge } = await readiness()
    const answer = {
      ready,
      reasons,
      ...(damaged > 0 && { damaged_chunks: damaged }),
      ...(failing.length > 0 && { failing_upkeep: failing }),
      ...(reasons.includes('some-stores-failing') && { failing_stores: failingStores }),
      ...(edge && {
        edge: {
          seq: edge.seq,
          upstream_seq: edge.upstreamSeq,
          lag: edge.lag,
          ...(edge.stale !== null && { stale: edge.stale }),
          error: edge.error,
          ...(edge.withheld.length > 0 && { withheld_images: edge.withheld.length }),
        },
      }),
    }
    const headers = { 'Cache-Control': 'no-store' }
    return json(context, answer, { status: ready ? 200 : 503, headers })
  })
}
