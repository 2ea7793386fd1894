/**
 * What Glance tells of metadata definitions, where a null stands for nothing, except within a property's own definition.
 */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== null)
      .map(([key, part]) => [key, key === 'properties' ? part : withoutNulls(part)]),
  )
}
