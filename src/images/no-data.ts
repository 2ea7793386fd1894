/** What is known of the bytes of an image that has none. */
export const NO_DATA = {
  size: null,
  virtual_size: null,
  checksum: null,
  os_hash_algo: null,
  os_hash_value: null,
} as const
