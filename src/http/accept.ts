export type ErrorFormat = 'text' | 'html' | 'json'

interface MediaRange {
  name: string
  quality: number
}

/** html or json, whichever is preferred; html if both are alike, text if neither is accepted. */
export function errorFormat(accept: string | null): ErrorFormat {
  const ranges = mediaRanges(accept ?? '')
  const html = qualityOf('text/html', ranges)
  const json = qualityOf('application/json', ranges)
  if (html === 0 && json === 0) return 'text'

  // Not json on a tie: python-glanceclient sends `*/*` and fails on our flat JSON errors.
  return html >= json ? 'html' : 'json'
}

function qualityOf(name: string, ranges: MediaRange[]): number {
  const family = name.replace(/[^/]+$/, '*')

  // The most specific range that matches has precedence; nothing matching means not acceptable.
  // https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
  const range =
    ranges.find((each) => each.name === name) ??
    ranges.find((each) => each.name === family) ??
    ranges.find((each) => each.name === '*/*')

  return range?.quality ?? 0
}

/** The well-formed ranges that can match a type without parameters: those with none but `q`. */
function mediaRanges(accept: string): MediaRange[] {
  return listElements(accept).flatMap((element) => {
    // A missing weight is 1; a weight has at most three decimals.
    // https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
    const match = /^([^\s;]+)(?:\s*;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?[\s;]*$/i.exec(element)
    if (match === null) return []

    const [, name = '', quality = '1'] = match
    return { name: name.toLowerCase(), quality: Number(quality) }
  })
}

/** Splits at the commas that are not inside a quoted parameter. */
function listElements(value: string): string[] {
  const matches = value.matchAll(/(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g)

  return Array.from(matches, ([element]) => element.trim())
}
