import type { Stores } from '../../stores/store.ts'
import type { FoundImage, Location } from '../image.ts'

/** What a site shows of where its images lie. */
export interface ShownOptions {
  show_image_direct_url: boolean
  show_multiple_locations: boolean
}

export interface WireLocation {
  url: string
  metadata: Record<string, unknown>
}

/** Shows where the copies of images are, as much of it as the site wants to be known. */
export interface LocationView {
  /** Whether any of it is shown. */
  showsAny: boolean
  /** The keys of an image as clients see it. */
  keysOf(image: Pick<FoundImage, 'id' | 'locations'>): Record<string, unknown>
  /** All of it, for those who may see it whatever the site shows. */
  allOf(image: Pick<FoundImage, 'id' | 'locations'>): WireLocation[]
  urlOf(imageId: string, location: Location): string
}

export function createLocationView(stores: Stores, options: ShownOptions): LocationView {
  const weightOf = (store: string) => stores.find(store)?.weight ?? 0

  /** Chunks are nobody's to read but ours, so their URL only names them. */
  function urlOf(imageId: string, { store, url }: Location): string {
    if (url === null) return `heliostat://${store}/${imageId}`
    return stores.find(store)?.shownUrl(url) ?? url
  }

  function byWeight(locations: readonly Location[]): Location[] {
    return locations.toSorted((a, b) => weightOf(b.store) - weightOf(a.store))
  }

  function allOf({ id, locations }: Pick<FoundImage, 'id' | 'locations'>): WireLocation[] {
    return byWeight(locations).map((location) => ({
      url: urlOf(id, location),
      metadata: { ...location.metadata, ...(stores.areNamed && { store: location.store }) },
    }))
  }

  return {
    showsAny: stores.areNamed || options.show_image_direct_url || options.show_multiple_locations,
    urlOf,
    allOf,

    keysOf(image) {
      const [first, ...rest] = allOf(image)
      const names = [...new Set(byWeight(image.locations).map(({ store }) => store))]
      return {
        ...(options.show_image_direct_url && first && { direct_url: first.url }),
        ...(options.show_multiple_locations && { locations: first ? [first, ...rest] : [] }),
        ...(stores.areNamed && names.length > 0 && { stores: names.join(',') }),
      }
    },
  }
}
