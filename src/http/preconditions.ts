interface EntityTag {
  weak: boolean
  /** With its quotes, as in the header. */
  opaque: string
}

/** What the conditions of a GET say; `etag` is the strong tag of what is to be sent, quoted. */
export function evaluatePreconditions(
  headers: Headers,
  etag: string,
): 'proceed' | 'not-modified' | 'failed' {
  // If-Match is evaluated before If-None-Match. The conditions on dates need a Last-Modified, which
  // is never sent, so they are ignored. https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2
  const ifMatch = headers.get('If-Match')
  if (ifMatch !== null && !matchesStrongly(ifMatch, etag)) return 'failed'

  const ifNoneMatch = headers.get('If-None-Match')
  if (ifNoneMatch !== null && matchesWeakly(ifNoneMatch, etag)) return 'not-modified'

  return 'proceed'
}

/** Whether a Range may be honoured; if not, the whole is sent. */
export function ifRangeAllows(headers: Headers, etag: string): boolean {
  const ifRange = headers.get('If-Range')

  // One tag, compared strongly, or a date. Neither a weak tag nor a date can equal a strong tag.
  // https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5
  return ifRange === null || ifRange === etag
}

// If-Match must use the strong comparison. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1
function matchesStrongly(value: string, etag: string): boolean {
  return value === '*' || entityTags(value).some((tag) => !tag.weak && tag.opaque === etag)
}

// If-None-Match must use the weak comparison. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2
function matchesWeakly(value: string, etag: string): boolean {
  return value === '*' || entityTags(value).some((tag) => tag.opaque === etag)
}

/** The tags of a list, up to the first thing that is not one. A tag may have commas. */
function entityTags(value: string): EntityTag[] {
  // `W/` is case-sensitive, and the quotes know no escapes.
  // https://www.rfc-editor.org/rfc/rfc9110#section-8.8.3
  const matches = value.matchAll(/[ \t,]*(W\/)?("[^"]*")[ \t]*(?=,|$)/gy)

  return Array.from(matches, ([, weak, opaque = '']) => ({ weak: weak !== undefined, opaque }))
}
