import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseConfigFile } from '../src/cli/options.ts'
import { describeConfig, fromEnvironment, loadConfig, type RawConfig } from '../src/config.ts'
import { readWorkerConfig } from '../src/runtime/worker-config.ts'
import { byPreferredKind } from '../src/store-config.ts'

const storesOf = (...sources: RawConfig[]) => loadConfig(...sources).config.stores
const brief = (...sources: RawConfig[]) =>
  storesOf(...sources).map(({ id, kind, isDefault }) => [id, kind, isDefault])
const warningsOf = (...sources: RawConfig[]) => loadConfig(...sources).warnings

/** The lines of the error that a configuration is refused with. */
function mistakes(...sources: RawConfig[]): string[] {
  try {
    loadConfig(...sources)
  } catch (error) {
    assert.ok(error instanceof Error)
    return error.message.split('\n')
  }
  return []
}

/** Several stores, the first of which is the default. */
function several(backends: string, sections: RawConfig = {}): RawConfig {
  const byDefault = backends.split(':')[0]?.trim() ?? ''
  return {
    DEFAULT: { enabled_backends: backends },
    glance_store: { default_backend: byDefault },
    ...sections,
  }
}

const S3 = { s3_store_host: 'https://s3.example', s3_store_bucket: 'images' }
const SWIFT = {
  swift_store_auth_address: 'https://keystone.example/v3',
  swift_store_user: 'service:glance',
  swift_store_key: 'hush',
}
const VMWARE = {
  vmware_server_host: 'vc.example',
  vmware_server_username: 'glance',
  vmware_server_password: 'hush',
  vmware_datastores: 'dc:ds',
}

describe('several stores', () => {
  const raw = several('fast:file, ceph : rbd,web:http', {
    glance_store: { default_backend: 'ceph' },
    fast: { filesystem_store_datadir: '/fast', weight: '5', store_description: 'NVMe' },
    ceph: { rbd_store_pool: 'golden', weight: '-5' },
  })

  it('are in the order in which they are named, one of them the default', () => {
    assert.deepEqual(brief(raw), [
      ['fast', 'file', false],
      ['ceph', 'rbd', true],
      ['web', 'http', false],
    ])
  })

  it('have their options in sections of their own', () => {
    const [fast, ceph, web] = storesOf(raw).map(({ options }) => options)
    assert.deepEqual(fast, {
      filesystem_store_datadir: '/fast',
      filesystem_store_datadirs: [],
      store_description: 'NVMe',
      weight: 5,
    })
    assert.ok(ceph && 'rbd_store_pool' in ceph)
    assert.deepEqual([ceph.rbd_store_pool, ceph.weight], ['golden', -5])
    assert.deepEqual(web, {
      https_ca_certificates_file: null,
      https_insecure: false,
      store_description: null,
      weight: 0,
    })
  })

  it('may have names in upper case, whose sections are found in any', () => {
    const [store] = storesOf(several('Ceph-A:rbd', { 'CEPH-a': { rbd_store_pool: 'p' } }))
    assert.ok(store?.kind === 'rbd')
    assert.deepEqual([store.id, store.options.rbd_store_pool], ['Ceph-A', 'p'])
  })

  it('may be set from the environment', () => {
    const environment = fromEnvironment({
      HELIOSTAT_ENABLED_BACKENDS: 'ceph:rbd',
      HELIOSTAT_GLANCE_STORE__DEFAULT_BACKEND: 'ceph',
      HELIOSTAT_CEPH__RBD_STORE_POOL: 'p',
    })
    const [store] = storesOf({ ceph: { rbd_store_pool: 'file' } }, environment)
    assert.ok(store?.kind === 'rbd')
    assert.equal(store.options.rbd_store_pool, 'p')
  })

  it('are left out with a warning where their kind is not known, unless it is the default', () => {
    assert.deepEqual(warningsOf(several('a:file,b:cinder')), [
      'Store "b" is left out, since "cinder" is no kind of store here: what lies in it cannot be read',
    ])
    assert.deepEqual(brief(several('a:file,b:cinder')), [['a', 'file', true]])
    assert.match(
      mistakes(several('b:cinder,a:file')).join(),
      /got "cinder", wanted one of: "file", /,
    )
  })
})

describe('one store', () => {
  it('is a folder unless something else is said, beside which files are read over HTTP', () => {
    assert.deepEqual(brief(), [
      ['file', 'file', true],
      ['http', 'http', false],
    ])
  })

  it('has its options in [glance_store]', () => {
    const [, s3] = storesOf({ glance_store: { stores: 'file,s3', default_store: 's3', ...S3 } })
    assert.ok(s3?.kind === 's3')
    assert.deepEqual([s3.isDefault, s3.options.s3_store_bucket], [true, 'images'])
  })

  it('is missed where it is the default and lacks something, and otherwise left out', () => {
    const stores = 'file,s3,cinder'
    assert.deepEqual(mistakes({ glance_store: { stores, default_store: 's3' } }), [
      'Store "cinder" is left out, since "cinder" is no kind of store here: what lies in it cannot be read',
      '[glance_store] s3_store_host: got "", wanted one for the store "s3"',
      '[glance_store] s3_store_bucket: got "", wanted one for the store "s3"',
    ])
    assert.deepEqual(brief({ glance_store: { stores } }), [['file', 'file', true]])
  })

  it('is refused where it is none of those that are named', () => {
    assert.deepEqual(mistakes({ glance_store: { stores: 'file,rbd', default_store: 'swift' } }), [
      '[glance_store] default_store: got "swift", wanted one of: "file", "rbd"',
    ])
  })

  it('has no effect beside several, and they have none without their names', () => {
    const raw = several('a:file')
    assert.deepEqual(
      warningsOf({ ...raw, glance_store: { default_backend: 'a', stores: 'rbd', ...SWIFT } }),
      [
        ...Object.keys(SWIFT).map(
          (option) => `Option [glance_store] ${option} means nothing here and is ignored`,
        ),
        'Option [glance_store] stores has an effect only without [DEFAULT] enabled_backends',
      ],
    )
    assert.deepEqual(warningsOf({ glance_store: { default_backend: 'a' } }), [
      'Option [glance_store] default_backend has an effect only with [DEFAULT] enabled_backends',
    ])
  })
})

describe('a mistake in stores', () => {
  it('is a name without a kind, or more than both', () => {
    for (const entry of ['fast', ':file', 'fast:', 'fast:file:x']) {
      assert.deepEqual(
        mistakes(several(`a:file,${entry}`)),
        [
          `[DEFAULT] enabled_backends: got "${entry}", wanted pairs of a name and a kind such as fast:file`,
        ],
        entry,
      )
    }
  })

  it('is a name that is given twice, is one of Glance itself, or of another section', () => {
    const taken = ['a', 'A', 'os_glance_staging_store', 'database', 'Glance_Store', 'default']
    for (const id of taken) {
      assert.match(
        mistakes(several(`a:file,${id}:http`)).join('\n'),
        /^\[DEFAULT\] enabled_backends: got ".*", wanted names that are given once[^\n]*$/,
        id,
      )
    }
  })

  it('is a default that is none of them, or not said', () => {
    const wanted = 'wanted one of: "a", "b"'
    const raw = { DEFAULT: { enabled_backends: 'a:file,b:http' } }
    assert.deepEqual(mistakes(raw), [`[glance_store] default_backend: got "", ${wanted}`])
    assert.deepEqual(mistakes({ ...raw, glance_store: { default_backend: 'c' } }), [
      `[glance_store] default_backend: got "c", ${wanted}`,
    ])
  })

  it('is an option that its kind cannot do without', () => {
    const missing = (kind: string, options: Record<string, string> = {}) =>
      mistakes(several(`far:${kind}`, { far: options })).map(
        (text) => /^\[far\] (\w+): got "", wanted one for the store "far"$/.exec(text)?.[1],
      )
    assert.deepEqual(missing('s3'), ['s3_store_host', 's3_store_bucket'])
    assert.deepEqual(missing('swift'), Object.keys(SWIFT))
    assert.deepEqual(missing('swift', { swift_store_config_file: 'swift.conf' }), [])
    assert.deepEqual(
      missing('swift', { ...SWIFT, swift_store_application_credential_id: 'f00d' }),
      ['swift_store_application_credential_secret'],
    )
    assert.deepEqual(missing('vmware'), Object.keys(VMWARE))
    assert.deepEqual([missing('rbd'), missing('s3', S3), missing('swift', SWIFT)], [[], [], []])
  })

  it('is an option of a wrong form', () => {
    const raw = several('a:rbd', { a: { rbd_store_chunk_size: 'big', weight: 'x' } })
    assert.deepEqual(mistakes(raw), [
      '[a] rbd_store_chunk_size: got "big", wanted a whole number',
      '[a] weight: got "x", wanted a whole number',
    ])
    assert.deepEqual(mistakes(several('a:rbd', { a: { rbd_store_chunk_size: '6' } })), [
      '[a] rbd_store_chunk_size: got "6", wanted a power of two from 1 to 32',
    ])
  })

  it('is one folder of two stores', () => {
    const shared = (one: string, other: string) =>
      mistakes({
        ...several('a:file,b:file', {
          a: { filesystem_store_datadir: one },
          b: { filesystem_store_datadir: other },
        }),
        heliostat: { data_dir: '/data' },
      })
    const wanted = 'wanted a folder that no other store has'
    assert.deepEqual(shared('/srv/a', '/srv//a/'), [
      `[b] filesystem_store_datadir: got "/srv/a", ${wanted}`,
    ])
    assert.equal(shared('/data', '').length, 1)
    assert.equal(shared('', '').length, 1)
    assert.deepEqual(shared('/srv/a', '/srv/b'), [])
  })

  it('is a Swift of several tenants, where it is used', () => {
    const far = { ...SWIFT, swift_store_multi_tenant: 'true' }
    const wanted =
      /^\[far\] swift_store_multi_tenant: got "true", wanted false: with true each image/
    assert.match(mistakes(several('far:swift', { far })).join('\n'), wanted)
    assert.deepEqual(mistakes({ glance_store: { swift_store_multi_tenant: 'true' } }), [])
  })
})

describe('an option of a store that means nothing', () => {
  const guesses = (raw: RawConfig) =>
    warningsOf(raw).map((text) => /: did you mean (\[.*\] \w+)/.exec(text)?.[1])

  it('is told with the one of its kind that may have been meant', () => {
    assert.deepEqual(guesses(several('ceph:rbd', { ceph: { rbd_store_pol: 'x' } })), [
      '[ceph] rbd_store_pool',
    ])
    assert.deepEqual(guesses({ glance_store: { rbd_store_pol: 'x' } }), [
      '[glance_store] rbd_store_pool',
    ])
  })

  it('is told with the store whose kind has it', () => {
    const raw = several('ceph:rbd,objects:s3', { objects: S3, ceph: { s3_store_bucket: 'x' } })
    assert.deepEqual(guesses(raw), ['[objects] s3_store_bucket'])
  })

  it('is told where the section is nearly that of a store', () => {
    assert.deepEqual(guesses(several('ceph:rbd', { cehp: { rbd_store_pool: 'x' } })), [
      '[ceph] rbd_store_pool',
    ])
  })
})

describe('secrets of stores', () => {
  const raw = several('s3:s3,swift:swift,vc:vmware', {
    s3: { ...S3, s3_store_access_key: 'hush', s3_store_secret_key: 'hush' },
    swift: { ...SWIFT, swift_store_application_credential_secret: 'hush' },
    vc: VMWARE,
  })

  it('are masked where the configuration is shown', () => {
    const whole = { ...raw, swift: SWIFT }
    const shown = describeConfig(loadConfig(whole).config)
    assert.doesNotMatch(shown, /hush/)
    for (const option of ['s3_store_secret_key', 'swift_store_key', 'vmware_server_password']) {
      assert.match(shown, new RegExp(`^${option} = \\*\\*\\*$`, 'm'))
    }
  })

  it('are in no mistake', () => {
    const wrong = { swift_store_auth_address: 'https://me:hush@keystone.example' }
    const found = mistakes(raw, { swift: wrong, s3: { s3_store_thread_pools: 'hush7Kq9Zt3vXw' } })
    assert.ok(found.length >= 2)
    assert.doesNotMatch(found.join('\n'), /hush/)
  })
})

describe('stores as they are shown', () => {
  const again = (raw: RawConfig) =>
    storesOf(parseConfigFile(describeConfig(loadConfig(raw).config)))

  it('can be read again, several or one', () => {
    const several2 = several('Fast:file,web:http', { fast: { weight: '3' } })
    assert.deepEqual(again(several2), storesOf(several2))
    const single = { glance_store: { stores: 'rbd,file', default_store: 'rbd' } }
    assert.deepEqual(again(single), storesOf(single))
  })
})

describe('an option that stands in a file several times', () => {
  it('has all its values, where it is one that may', () => {
    const raw = parseConfigFile(`
[DEFAULT]
enabled_backends = a:file,b:file
debug = false
debug = true
[glance_store]
default_backend = a
[a]
filesystem_store_datadir = /a
filesystem_store_datadirs = "/old:200"
filesystem_store_datadirs = "/older:100"
[b]
filesystem_store_datadirs: /oldest
`)
    const { config } = loadConfig(raw)
    const folders = config.stores.map(
      (store) => store.kind === 'file' && store.options.filesystem_store_datadirs,
    )
    assert.deepEqual(folders, [['/old:200', '/older:100'], ['/oldest']])
    assert.equal(config.DEFAULT.debug, true)
  })
})

describe('a flavor with a cache', () => {
  const flavorOf = (flavor: string) => {
    const { config } = loadConfig({
      paste_deploy: { flavor },
      keystone_authtoken: {
        auth_url: 'http://keystone',
        username: 'glance',
        password: 'x',
        project_name: 'service',
      },
    })
    return [config.paste_deploy.flavor, config.caching]
  }

  it('keeps images on the node, whoever knows the callers', () => {
    assert.deepEqual(flavorOf('keystone+caching'), ['keystone', true])
    assert.deepEqual(flavorOf('keystone+cachemanagement'), ['keystone', true])
    assert.deepEqual(flavorOf('caching'), ['', true])
    assert.deepEqual(flavorOf('keystone'), ['keystone', false])
    assert.deepEqual(flavorOf(''), ['', false])
  })
})

describe('the order of copies by the kinds of their stores', () => {
  const order = (raw: RawConfig) => {
    const { config } = loadConfig(several('a:http,b:rbd,c:file,d:rbd'), raw)
    return byPreferredKind(config.stores, config).map(({ id }) => id)
  }
  const preference = (kinds: string) => ({
    store_type_location_strategy: { store_type_preference: kinds },
  })

  it('is the one that is preferred, and the stores of other kinds come last', () => {
    const strategy = { DEFAULT: { location_strategy: 'store_type' } }
    assert.deepEqual(order({ ...strategy, ...preference('rbd,filesystem') }), ['b', 'd', 'c', 'a'])
    assert.deepEqual(order(strategy), ['a', 'b', 'c', 'd'])
  })

  it('has no effect without its strategy, which is told', () => {
    assert.deepEqual(order(preference('rbd')), ['a', 'b', 'c', 'd'])
    assert.deepEqual(warningsOf(preference('rbd')), [
      'Option [store_type_location_strategy] store_type_preference has an effect only with ' +
        '[DEFAULT] location_strategy = store_type',
    ])
  })
})

describe('the stores of a Worker', () => {
  const env = {
    HELIOSTAT_DATABASE__CONNECTION: 'libsql://db.example',
    HELIOSTAT_PASTE_DEPLOY__FLAVOR: 'token',
    HELIOSTAT_HELIOSTAT__TOKENS: 'x',
  }
  const kindsOf = (more: Record<string, string>) =>
    readWorkerConfig({ ...env, ...more }).config.stores.map(({ kind, isDefault }) => [
      kind,
      isDefault,
    ])

  it('are a bucket of R2 and HTTP, unless others are named', () => {
    assert.deepEqual(kindsOf({}), [
      ['r2', true],
      ['http', false],
    ])
    const named = {
      HELIOSTAT_ENABLED_BACKENDS: 'far:s3',
      HELIOSTAT_GLANCE_STORE__DEFAULT_BACKEND: 'far',
      HELIOSTAT_FAR__S3_STORE_HOST: 'https://s3.example',
      HELIOSTAT_FAR__S3_STORE_BUCKET: 'images',
    }
    assert.deepEqual(kindsOf(named), [['s3', true]])
  })
})
