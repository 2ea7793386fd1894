/** What may be printed of what an operator has written, and of what fails: nothing that may be a secret. */
const MASK = '***'

/** Where an `@` follows: of several the last one ends the user, whose password may have some, and slashes too. */
const USER_IN_WORD = /\/\/(?:[^/]*|[^/@:]*:.*)@/g
const PARAMETER_IN_TEXT = /([?&;#])([^=?&;#\s]+)=[^&;#\s"']*/g

/** A value is one whole: what a mistyped URL has for a password may have anything in it. */
const USER = /(\/\/)[^]*@|^[^/@]*:(?!\/\/)[^]*@/
const PARAMETER = /([?&;#])([^=?&;#]+)=[^&;#]*/g

/** Of the parameters of a database only this one says nothing. */
const HARMLESS_PARAMETERS = ['tls']

/** False of a text that has none for sure. */
export function mayHaveCredentials(text: string): boolean {
  return text.includes('@') || text.includes('=')
}

/** A text, such as the reason of a failure, without the credentials of the URLs in it. */
export function hideCredentials(text: string): string {
  return text.replace(/\S+/g, hideUser).replace(PARAMETER_IN_TEXT, masked)
}

/** Clients write some of the texts: without the end behind the last `@` each character is looked at once. */
function hideUser(word: string): string {
  const end = word.lastIndexOf('@') + 1
  return word.slice(0, end).replace(USER_IN_WORD, `//${MASK}@`) + word.slice(end)
}

/** A value that is in force and no secret by its name: without the credentials that a URL may have. */
export function shownValue(value: string): string {
  const isFile = /^(sqlite|file):/i.test(value)
  const anonymous = isFile ? value : value.replace(USER, `$1${MASK}@`)
  return anonymous.replace(PARAMETER, masked)
}

function masked(whole: string, before: string, name: string): string {
  return HARMLESS_PARAMETERS.includes(name.toLowerCase()) ? whole : `${before}${name}=${MASK}`
}

const LONGEST = 100
const PUNCTUATION = /^[\w\s.,:/?[\]*+-]*$/
/** `maybe`, `8MB`, `md5`. */
const WORD_OR_NUMBER = /^([a-z]{0,20}|\d{1,20}[a-z]{0,2}|[a-z]{1,3}\d{1,3})$/i
/** `host12`, `2001:db8::7f`. */
const PART_OF_ADDRESS = /^([a-z]{1,15}\d{1,3}|[\da-f]{1,4})$/i

/**
 * A value that was refused. It may be a secret that stands in the wrong place, so only what consists of words, numbers
 * and addresses is shown.
 */
export function shownMistake(value: string): string {
  const shown = shownValue(value)
  const rest = shown.replaceAll(`${MASK}@`, '').replaceAll(`=${MASK}`, '')
  const isAddress = /[.:/]/.test(rest)
  const isHarmless = (part: string) =>
    WORD_OR_NUMBER.test(part) || (isAddress && PART_OF_ADDRESS.test(part))
  const isShown = rest.length <= LONGEST && PUNCTUATION.test(rest)
  return isShown && rest.split(/[^a-z\d]+/i).every(isHarmless) ? shown : MASK
}

/** Names are words, at most with a digit such as `s3`: a token may stand where a name is wanted. */
const NAME = /^(?=.{1,64}$)([a-z]{1,20}|[a-z]{1,2}\d)([_.:-]([a-z]{1,20}|[a-z]{0,2}\d))*$/i

/** The name of an option or a section that is not known. */
export function shownName(name: string): string {
  return NAME.test(name) ? name : MASK
}

/** A path; anything without a slash or an ending may be what should have stood in the file. */
export function shownPath(path: string): string {
  return /[/\\]|\.\w{1,5}$/.test(path) ? hideCredentials(path) : shownMistake(path)
}
