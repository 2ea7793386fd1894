import type { StoreConfig } from '../store-config.ts'
import type { Store } from '../stores/store.ts'

/** What the configuration says of a store, whatever its kind; its URLs have no secrets unless the kind says otherwise. */
export function describeStore({
  id,
  kind,
  isDefault,
  options,
}: StoreConfig): Pick<Store, 'id' | 'kind' | 'isDefault' | 'description' | 'weight' | 'shownUrl'> {
  const { store_description: description, weight } = options
  return { id, kind, isDefault, description, weight, shownUrl: (url) => url }
}
