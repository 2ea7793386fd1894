import { UUID } from '../../../schema/image.ts'
import { ConfigError } from '../../errors.ts'
import type { VmwareOptions } from './settings.ts'

export interface Datastore {
  /** Path of the data center in the inventory. */
  datacenter: string
  name: string
  weight: number
}

/** A file in a datastore. */
export interface Place {
  datastore: Datastore
  /** Within the datastore, such as `openstack_glance/ID`. */
  path: string
}

/** What is being written does not yet have its name. */
const UNFINISHED = '.unfinished'

/** The URLs of images, and the files that they stand for. A path is always made anew of the options and an id. */
export interface Places {
  datastores: readonly Datastore[]
  /** As Glance writes it. */
  urlOf(datastore: Datastore, imageId: string): string
  /** Null for a URL of another store. */
  placeOf(url: string): Place | null
}

/** Throws a ConfigError for options that cannot be right. */
export function createPlaces(options: VmwareOptions): Places {
  const host = options.vmware_server_host
  const folder = options.vmware_store_image_dir.replace(/^\/+|\/+$/g, '')
  const datastores = options.vmware_datastores.map(parseDatastore)
  if (datastores.length === 0) throw new ConfigError('vmware_datastores: wanted at least one')

  const root = `vsphere://${host}/folder/${folder}/`
  const queriesOf = ({ name, datacenter }: Datastore) => {
    const names = new URLSearchParams({ dsName: name, dcPath: datacenter })
    return [names, new URLSearchParams([...names].toReversed())].map(String)
  }

  return {
    datastores,
    urlOf(datastore, imageId) {
      if (!UUID.test(imageId)) throw new TypeError('Not the id of an image')
      return `${root}${imageId}?${queriesOf(datastore)[0]}`
    },
    placeOf(url) {
      if (!url.startsWith(root)) return null
      const [id = '', query = '', ...more] = url.slice(root.length).split('?')
      if (!UUID.test(id) || more.length > 0) return null
      const datastore = datastores.find((each) => queriesOf(each).includes(query))
      return datastore ? { datastore, path: `${folder}/${id}` } : null
    },
  }
}

function parseDatastore(text: string): Datastore {
  const [, datacenter, name, weight] = /^([^:]+):([^:]+)(?::(\d{1,9}))?$/.exec(text) ?? []
  if (datacenter === undefined || name === undefined) {
    throw new ConfigError('vmware_datastores: wanted DATACENTER_PATH:DATASTORE_NAME[:WEIGHT]')
  }
  return { datacenter, name, weight: Number(weight ?? 0) }
}

/** Where a file lies while it is written. */
export function unfinished({ datastore, path }: Place): Place {
  return { datastore, path: path + UNFINISHED }
}

/** The path of a file below the address of the server. */
export function folderPath({ datastore, path }: Place): string {
  const names = new URLSearchParams({ dcPath: datastore.datacenter, dsName: datastore.name })
  return `/folder/${path.split('/').map(encodeURIComponent).join('/')}?${names}`
}

/** As the API names it. */
export function datastorePath({ datastore, path }: Place): string {
  return `[${datastore.name}] ${path}`
}
