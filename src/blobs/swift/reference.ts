import { type IIniObject, parse } from 'js-ini'
import { ConfigError } from '../../errors.ts'
import type { SwiftAccount } from './settings.ts'

const FILE = 'swift_store_config_file'

/**
 * The account that a section of `swift_store_config_file` names, out of the text of that file. `version` is the one of
 * the login where the section has none. Throws a ConfigError that quotes nothing of the text.
 */
export function swiftReference(text: string, name: string, version = '3'): SwiftAccount {
  const options = sectionOf(parsed(text), name)
  const get = (option: string) => options.get(option) ?? null
  const credential = get('application_credential_id')
  const wanted = credential === null ? ['auth_address', 'user', 'key'] : ['auth_address']
  for (const option of wanted) {
    if (!get(option)) throw new ConfigError(`${FILE}: [${name}] has no ${option}`)
  }
  return {
    auth_address: get('auth_address') ?? '',
    auth_version: get('auth_version') ?? version,
    user: get('user'),
    key: get('key'),
    user_domain_id: get('user_domain_id'),
    user_domain_name: get('user_domain_name'),
    project_domain_id: get('project_domain_id'),
    project_domain_name: get('project_domain_name'),
    application_credential_id: credential,
    application_credential_secret: get('application_credential_secret'),
  }
}

function parsed(text: string): IIniObject {
  try {
    // A colon may stand for the equals sign.
    const lines = text.replace(/^([^[#;=:\s]+)[ \t]*:/gm, '$1 =')
    return parse(lines, { autoTyping: false, comment: ['#', ';'] })
  } catch {
    // The parser's own message would quote the line.
    throw new ConfigError(`${FILE}: wanted sections such as [ref1], and lines such as key = value`)
  }
}

/** What stands in `[DEFAULT]` holds for every section. */
function sectionOf(file: IIniObject, name: string): Map<string, string> {
  const section = Object.hasOwn(file, name) ? file[name] : null
  if (typeof section !== 'object' || section === null) {
    throw new ConfigError(`${FILE}: wanted a section [${name}] (default_swift_reference)`)
  }
  const defaults = typeof file.DEFAULT === 'object' ? file.DEFAULT : {}
  const entries = [...Object.entries(defaults), ...Object.entries(section)]
  return new Map(entries.map(([key, value]) => [key.toLowerCase(), plain(String(value))]))
}

/** Without quotes around it; a per cent sign is written twice. */
function plain(value: string): string {
  const [, , quoted] = /^(["'])(.*)\1$/.exec(value) ?? []
  return (quoted ?? value).replaceAll('%%', '%')
}
