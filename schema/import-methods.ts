/** The ways in which an image's bytes may be imported; which of them are enabled is the operator's to say. */
export const IMPORT_METHODS = [
  'glance-direct',
  'web-download',
  'copy-image',
  'glance-download',
] as const
