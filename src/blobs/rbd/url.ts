/** The snapshot that readers and clones stand on, as Glance names it. */
export const SNAP = 'snap'

const FSID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NAME = /^[0-9A-Za-z][\w.-]{0,127}$/

export interface RbdLocation {
  /** The id of the cluster; null where the URL does not say it. */
  fsid: string | null
  pool: string | null
  image: string
}

/** What a location of Glance's names, `rbd://FSID/POOL/IMAGE/snap` or `rbd://IMAGE`; null for anything else. */
export function parseRbdUrl(url: string): RbdLocation | null {
  const parts = partsOf(url)
  if (!parts) return null
  const [first = '', pool = '', image = '', snap = ''] = parts
  if (parts.length === 1) return NAME.test(first) ? { fsid: null, pool: null, image: first } : null
  const isWhole = parts.length === 4 && FSID.test(first) && pool !== '' && snap === SNAP
  return isWhole && NAME.test(image) ? { fsid: first, pool, image } : null
}

function partsOf(url: string): string[] | null {
  const [, rest] = /^rbd:\/\/([!-~]+)$/.exec(url) ?? []
  try {
    return rest === undefined ? null : rest.split('/').map(decodeURIComponent)
  } catch {
    return null
  }
}

export function formatRbdUrl(fsid: string, pool: string, image: string): string {
  return `rbd://${[fsid, pool, image, SNAP].map(encodeURIComponent).join('/')}`
}
