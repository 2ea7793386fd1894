/** The type/subtype of a Content-Type, in the case it was sent; '' if there is none. */
export function mediaType(header: string | null): string {
  const [type = ''] = (header ?? '').split(';')

  return type.trim()
}
