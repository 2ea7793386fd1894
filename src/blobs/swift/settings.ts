import { ConfigError } from '../../errors.ts'

/**
 * Options as Glance has them, under their own names. Its sizes of large objects are of no use here: a chunk is smaller
 * than any. The CA (`swift_store_cacert`, `swift_store_auth_insecure`) is known to the `fetch` that a store is given.
 */
export interface SwiftOptions {
  /** What `swiftAccount` gives, or `swiftReference` where there is a `swift_store_config_file`. */
  account: SwiftAccount
  /** Default `ref1`. The name of the account in the URLs that Glance writes where there is such a file. */
  default_swift_reference: string
  /** Null: the first region of the catalog that has such a service. */
  swift_store_region: string | null
  /** The URL of the account, instead of the one that the login names. */
  swift_store_endpoint: string | null
  /** Default `publicURL`; also `internalURL`, `adminURL`. */
  swift_store_endpoint_type: string
  /** Default `object-store`. */
  swift_store_service_type: string
  /** Default `glance`. */
  swift_store_container: string
  /** Default false. Creates the container when the first chunk comes; until then it counts as an empty one. */
  swift_store_create_container_on_put: boolean
  /** Default 0: how often a body that breaks off is gone on with. It is done four times at least. */
  swift_store_retry_get_count: number
  /** Default 60: seconds before its end that a token is renewed. */
  swift_store_expire_soon_interval: number
  /** Default false, and refused where it is true. */
  swift_store_multi_tenant: boolean
}

/** Who logs in, and where. */
export interface SwiftAccount {
  auth_address: string
  /** `1` for the login of Swift itself (tempauth) and of Ceph; anything else is Keystone's third version. */
  auth_version: string
  /** `PROJECT:USER`; null with an application credential. */
  user: string | null
  key: string | null
  /** A domain without either is the one with the id `default`. */
  user_domain_id: string | null
  user_domain_name: string | null
  project_domain_id: string | null
  project_domain_name: string | null
  application_credential_id: string | null
  application_credential_secret: string | null
}

export interface AccountOptions {
  /** Default `3`. */
  swift_store_auth_version: string
  swift_store_auth_address: string | null
  swift_store_user: string | null
  swift_store_key: string | null
  swift_store_application_credential_id: string | null
  swift_store_application_credential_secret: string | null
}

const MULTI_TENANT =
  'swift_store_multi_tenant: got true, wanted false, since an image would lie in the account of its owner, where ' +
  'only a reader with a token of his own finds it: no edge, and nothing that is done in the background'

/** The account that the options themselves name, without a file. */
export function swiftAccount(options: AccountOptions): SwiftAccount {
  return {
    auth_address: options.swift_store_auth_address ?? '',
    auth_version: options.swift_store_auth_version,
    user: options.swift_store_user,
    key: options.swift_store_key,
    user_domain_id: null,
    user_domain_name: null,
    project_domain_id: null,
    project_domain_name: null,
    application_credential_id: options.swift_store_application_credential_id,
    application_credential_secret: options.swift_store_application_credential_secret,
  }
}

/** All that cannot be right, a sentence each, without what is secret. */
export function swiftMistakes(options: SwiftOptions): string[] {
  const { account, swift_store_container: container } = options
  return [
    ...(options.swift_store_multi_tenant ? [MULTI_TENANT] : []),
    ...accountMistakes(account),
    ...(isUrl(options.swift_store_endpoint ?? 'http://any')
      ? []
      : ['swift_store_endpoint: wanted an http or https URL']),
    ...(isContainer(container)
      ? []
      : ['swift_store_container: wanted a name of at most 256 bytes without a slash']),
  ]
}

/** Throws a ConfigError unless the options can be right. */
export function requireSwiftOptions(options: SwiftOptions): void {
  const mistakes = swiftMistakes(options)
  if (mistakes.length > 0) throw new ConfigError(mistakes.join('\n'))
}

export function isVersion1({ auth_version }: SwiftAccount): boolean {
  return /^1(\.0)?$/.test(auth_version)
}

function accountMistakes(account: SwiftAccount): string[] {
  const { user, key, application_credential_id: id } = account
  const mistakes = isUrl(account.auth_address)
    ? []
    : ['swift_store_auth_address: wanted an http or https URL, such as http://controller:5000/v3']
  if (id !== null && !isVersion1(account)) {
    return account.application_credential_secret === null
      ? [...mistakes, 'swift_store_application_credential_secret: got "", wanted one']
      : mistakes
  }
  if (user === null || key === null) {
    mistakes.push('swift_store_user and swift_store_key: wanted both')
  } else if (!isVersion1(account) && !/^[^:]+:[^:]+$/.test(user)) {
    mistakes.push('swift_store_user: wanted PROJECT:USER')
  }
  return mistakes
}

function isUrl(text: string): boolean {
  return /^https?:\/\/[^/@?#\s]+(\/[^@?#\s]*)?$/.test(text)
}

function isContainer(name: string): boolean {
  const { length } = new TextEncoder().encode(name)
  return length > 0 && length <= 256 && !/[/\0]/.test(name) && name !== '.' && name !== '..'
}
