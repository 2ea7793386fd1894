import { z } from 'zod'

/** How an edge stands to the site that it follows. */
const upstream = z.object({
  /** The last change taken over; null before the first snapshot. */
  seq: z.number().nullable(),
  /** The upstream's last change; null while it has not been heard since the start. */
  upstream_seq: z.number().nullable(),
  /** Seconds since the upstream was last heard, be it before the start. */
  lag: z.number(),
  /** The same, where the upstream is lost. */
  stale: z.number().nullable(),
  error: z.string().nullable(),
  /** Images that are not shown as they are upstream, since they could not be served. */
  withheld: z.array(z.object({ id: z.string(), reason: z.string() })).default([]),
})

/** What lies at an edge, in bytes, and what it has counted since its start. */
const resident = z.object({
  chunks: z.number(),
  bytes: z.number(),
  limit: z.number(),
  evictions: z.number(),
  hits: z.number(),
  misses: z.number(),
  coalesced: z.number(),
  corrupt: z.number(),
  upstream_bytes: z.number(),
  streamed_through: z.number(),
})

/** How much of an image is here. Sizes are bytes; zeros are nowhere, and count as here. */
const residentImage = z.object({
  id: z.string(),
  name: z.string().nullable().default(null),
  size: z.number(),
  resident: z.number(),
  /** Whether all of it is to be here. */
  pinned: z.boolean().default(false),
})
export type ResidentImage = z.output<typeof residentImage>

/** Who has asked where the feed stands, and what for; `heard` is in seconds. */
const follower = z.object({
  site: z.string().nullable(),
  address: z.string().nullable(),
  seq: z.number(),
  heard: z.number(),
})

/**
 * The document at `/mirror/v1/status`, as sites write it and the command reads it. Loose, so that `--json` shows what a
 * newer site says beyond this.
 */
export const siteStatus = z.looseObject({
  version: z.string(),
  head: z.looseObject({
    epoch: z.string(),
    seq: z.number(),
    sites: z.array(z.string()).default([]),
  }),
  /** Those that follow this site, as far as it has heard of them since its start. */
  followers: z.array(follower).default([]),
  /** What an origin has stored of its images, each chunk once, where that was asked for. */
  stored: z.looseObject({ chunks: z.number(), bytes: z.number() }).nullable().default(null),
  /** Null at an origin, as are the others. */
  upstream: z.looseObject(upstream.shape).nullable(),
  resident: z.looseObject(resident.shape).nullable(),
  /** How much of each image is here, where that was asked for. */
  images: z.array(z.looseObject(residentImage.shape)).nullable(),
})

export type SiteStatus = z.output<typeof siteStatus>
/** What a site says of how it stands to its upstream. */
export type UpstreamStatus = z.output<typeof upstream>
/** What a site says of what lies at it. */
export type ResidentStatus = z.output<typeof resident>
