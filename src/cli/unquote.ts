/** oslo.config takes one pair of quotes off. */
export function unquote(value: string): string {
  return value.replace(/^(["'])(.*)\1$/, '$2')
}
