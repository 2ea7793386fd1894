export interface IniFile {
  /** In the order of the file; option names are in lower case. */
  sections: Map<string, Map<string, string>>
  mistakes: string[]
}

/**
 * Reads a file of sections as Python's configparser does. Section names may be anything, brackets included, and their
 * order counts, which INI libraries keep for neither.
 */
export function parseIniSections(text: string): IniFile {
  const sections: IniFile['sections'] = new Map()
  const mistakes: string[] = []
  let options: Map<string, string> | null = null
  let last: string | null = null
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const report = (mistake: string) => mistakes.push(`line ${index + 1}: ${mistake}`)
    const content = line.trim()
    if (content === '' || /^[#;]/.test(content)) continue
    const [, section] = /^\[(.+)\]/.exec(content) ?? []
    if (options && last !== null && /^\s/.test(line)) {
      options.set(last, `${options.get(last)}\n${content}`)
    } else if (section !== undefined) {
      options = new Map()
      last = null
      if (sections.has(section)) report(`got a second section [${section}], wanted one`)
      else sections.set(section, options)
    } else {
      const [, name, value = ''] = /^(.+?)\s*[=:]\s*(.*)$/.exec(content) ?? []
      if (!options || name === undefined) {
        report(`got "${content}", wanted a section such as [^x_.*] with lines such as read = admin`)
        continue
      }
      last = name.toLowerCase()
      if (options.has(last)) report(`got a second "${last}" in its section, wanted one`)
      options.set(last, value)
    }
  }
  return { sections, mistakes }
}
