import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { untilActive } from '../support/mirrors.ts'
import { eventually } from '../support/server.ts'
import { type HostileSite, requireServed, startHostileSite, WITHIN_MS } from './hostile-site.ts'

/** What the first of two upstreams drips. */
const DRIPS = ['drip-snapshot', 'drip-chunks']

let site: HostileSite
let dripping: Promise<string[]>
before(async () => {
  site = await startHostileSite()
  // Beside all else, since it takes half a minute until such a one is given up.
  dripping = Promise.all(DRIPS.map(readThroughDrip))
})
after(() => site.close())

/** What the edge logs by when it has served bytes from the second upstream. */
async function readThroughDrip(drip: string): Promise<string> {
  const { image, hostile, origin } = site
  const edge = await site.startFollowing(drip, `${hostile.url}/${drip}`, origin.url)
  await untilActive(edge.url, image.id, 90_000)
  await requireServed(edge.url, image)
  return edge.log()
}

describe('an upstream whose manifests and chunks are hostile', () => {
  async function untilWithheld(mode: string, wanted: RegExp): Promise<void> {
    await site.setMode(mode)
    const other = await site.publish()
    await eventually(`${mode} is told as ${wanted}`, WITHIN_MS, async () => {
      const { withheld } = await site.readStatus()
      const [first] = withheld
      return wanted.test(first?.reason ?? '') ? true : null
    })
    const answer = await site.readReadiness()
    assert.deepEqual([answer.ready, answer.reasons], [true, ['withheld-images']])
    assert.equal(answer.edge.withheld_images, 1)
    const shown = await fetch(`${site.edge.url}/v2/images/${other.id}`)
    assert.ok(!shown.ok || (await shown.json()).status !== 'active')
    await site.requireServed()
    await site.setMode('honest')
    await untilActive(site.edge.url, other.id, WITHIN_MS)
    await requireServed(site.edge.url, other)
  }

  it('may lack a manifest: its image is withheld, and shown once it is there', async () => {
    await untilWithheld('missing-manifest', /no upstream has its manifest/)
  })

  it('may lie in a manifest, and send one without end', async () => {
    await untilWithheld('lying-manifest', /Manifest is refused: chunk_size is 9000000000000/)
    await untilWithheld('endless-manifest', /sends more than \d+ bytes in one/)
  })

  it('may send chunks that are other ones [503]', async () => {
    const other = await site.publish()
    await untilActive(site.edge.url, other.id, WITHIN_MS)
    for (const mode of ['wrong-chunk', 'short-chunk', 'endless-chunk']) {
      await site.setMode(mode)
      const response = await fetch(`${site.edge.url}${other.path}`)
      assert.equal(response.status, 503, mode)
      await response.text()
      await site.requireServed()
    }
    await site.setMode('honest')
  })
})

describe('an edge whose first upstream drips', () => {
  it('takes records and bytes from the second', async () => {
    for (const log of await dripping) assert.match(log, /only \d+ bytes came in 30 s/)
  })
})

describe('all the while', () => {
  it('the edges are well', async () => void (await site.requireWell()))
})
