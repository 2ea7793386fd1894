import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeConfig, fromEnvironment, loadConfig, type RawConfig } from '../src/config.ts'

const load = (...sources: RawConfig[]) => loadConfig(...sources).config

/** The lines of the error that a configuration is refused with. */
function mistakes(raw: RawConfig): string[] {
  try {
    loadConfig(raw)
  } catch (error) {
    assert.ok(error instanceof Error)
    assert.equal(error.name, 'ConfigError')
    return error.message.split('\n')
  }
  return []
}

describe('a configuration without any option', () => {
  it('is complete', () => {
    const { mirror: _, stores: __, import_filtering_opts: ___, ...config } = load()
    assert.deepEqual(config, {
      DEFAULT: {
        bind_host: '127.0.0.1',
        bind_port: 9292,
        log_file: null,
        debug: false,
        workers: 1,
        public_endpoint: null,
        limit_param_default: 25,
        api_limit_max: 1000,
        image_member_quota: 128,
        image_property_quota: 128,
        image_tag_quota: 128,
        user_storage_quota: 0,
        use_keystone_limits: false,
        image_location_quota: 10,
        show_image_direct_url: false,
        show_multiple_locations: false,
        enabled_backends: [],
        location_strategy: 'location_order',
        image_cache_dir: null,
        image_cache_max_size: 10737418240,
        image_size_cap: 1099511627776,
        hashing_algorithm: 'sha512',
        max_request_id_length: 64,
        allow_anonymous_access: false,
        property_protection_file: null,
        property_protection_rule_format: 'roles',
        enabled_import_methods: ['glance-direct', 'web-download', 'copy-image'],
        delayed_delete: false,
        scrub_time: 0,
        secure_proxy_ssl_header: null,
      },
      database: { connection: null, auth_token: null },
      glance_store: { stores: ['file', 'http'], default_store: 'file', default_backend: null },
      store_type_location_strategy: { store_type_preference: [] },
      image_format: {
        disk_formats: [
          'ami',
          'ari',
          'aki',
          'vhd',
          'vhdx',
          'vmdk',
          'raw',
          'qcow2',
          'vdi',
          'iso',
          'ploop',
        ],
        container_formats: ['ami', 'ari', 'aki', 'bare', 'ovf', 'ova', 'docker', 'compressed'],
        gpt_safety_checks_nonfatal: [],
        require_image_format_match: true,
      },
      image_import_opts: { image_import_plugins: ['no_op'] },
      image_conversion: { output_format: 'raw' },
      inject_metadata_properties: { inject: {}, ignore_user_roles: ['admin'] },
      glance_download_properties: {
        extra_properties: ['hw_', 'trait:', 'os_distro', 'os_secure_boot', 'os_type'],
      },
      task: { task_time_to_live: 48 },
      taskflow_executor: { max_workers: 10 },
      paste_deploy: { flavor: '' },
      caching: false,
      keystone_authtoken: {
        auth_type: '',
        auth_url: null,
        www_authenticate_uri: null,
        username: null,
        user_domain_id: null,
        user_domain_name: null,
        password: null,
        project_name: null,
        project_domain_id: null,
        project_domain_name: null,
        application_credential_id: null,
        application_credential_secret: null,
        http_connect_timeout: 10,
        token_cache_time: 300,
        service_type: 'image',
        service_token_roles: ['service'],
        service_token_roles_required: true,
      },
      oslo_policy: { policy_file: null },
      oslo_limit: {
        endpoint_id: null,
        auth_type: '',
        auth_url: null,
        username: null,
        user_domain_id: null,
        user_domain_name: null,
        password: null,
        system_scope: 'all',
      },
      oslo_middleware: { enable_proxy_headers_parsing: false },
      cors: {
        allowed_origin: [],
        allow_credentials: true,
        allow_headers: [
          'Content-MD5',
          'X-Image-Meta-Checksum',
          'X-Storage-Token',
          'Accept-Encoding',
          'X-Auth-Token',
          'X-Identity-Status',
          'X-Roles',
          'X-Service-Catalog',
          'X-User-Id',
          'X-Tenant-Id',
          'X-OpenStack-Request-ID',
        ],
        allow_methods: ['GET', 'PUT', 'POST', 'DELETE', 'PATCH'],
        expose_headers: [
          'X-Image-Meta-Checksum',
          'X-Auth-Token',
          'X-Subject-Token',
          'X-Service-Token',
          'X-OpenStack-Request-ID',
        ],
        max_age: 3600,
      },
      healthcheck: { disable_by_file_path: '/etc/glance/healthcheck_disable' },
      barbican: {
        barbican_endpoint: null,
        auth_endpoint: null,
        barbican_endpoint_type: 'public',
        barbican_region_name: null,
        verify_ssl: true,
        verify_ssl_path: null,
      },
      heliostat: {
        data_dir: './data',
        chunk_size: 8388608,
        signature_certificates: null,
        signature_ca_file: null,
        token_file: null,
        tokens: null,
        trusted_addresses: ['127.0.0.0/8', '::1'],
        allow_unauthenticated: false,
        checksum: 'md5',
        sweep_grace: 3600,
        import_timeout: 86400,
        staged_hours: 48,
        shutdown_timeout: 30,
        metrics: true,
      },
    })
  })

  it('is without warnings', () => {
    assert.deepEqual(loadConfig().warnings, [])
  })
})

describe('several sources', () => {
  it('are merged option by option, the later ones winning', () => {
    const file = { DEFAULT: { bind_port: '1', api_limit_max: '10', debug: 'true' } }
    const environment = { DEFAULT: { bind_port: '2', api_limit_max: '20' } }
    const { DEFAULT } = load(file, environment, { DEFAULT: { bind_port: '3' } })
    assert.equal(DEFAULT.bind_port, 3)
    assert.equal(DEFAULT.api_limit_max, 20)
    assert.equal(DEFAULT.debug, true)
  })

  it('may be corrected by a later one', () => {
    const { DEFAULT } = load({ DEFAULT: { bind_port: 'x' } }, { DEFAULT: { bind_port: '1' } })
    assert.equal(DEFAULT.bind_port, 1)
  })
})

describe('mistakes', () => {
  it('are all told at once, with what is wanted', () => {
    const found = mistakes({
      DEFAULT: { bind_port: 'http', debug: 'maybe', api_limit_max: '0' },
      database: { connection: 'mysql://glance:secret@db/glance' },
      heliostat: { chunk_size: '3MB', sweep_grace: '-1' },
      paste_deploy: { flavor: 'basic' },
    })
    assert.deepEqual(found, [
      '[DEFAULT] bind_port: got "http", wanted a whole number',
      '[DEFAULT] debug: got "maybe", wanted true or false',
      '[DEFAULT] api_limit_max: got "0", wanted at least 1',
      '[database] connection: got "mysql://***@db/glance", wanted sqlite:///PATH, file:PATH, ' +
        'libsql://HOST or http(s)://HOST: what Glance has in its database is not read here',
      '[paste_deploy] flavor: got "basic", wanted one of: "", "trusted", "token", "keystone"',
      '[heliostat] chunk_size: got "3MB", wanted a power of two from 1MB to 64MB',
      '[heliostat] sweep_grace: got "-1", wanted at least 0',
    ])
  })

  it('are numbers out of their range', () => {
    assert.match(mistakes({ DEFAULT: { bind_port: '65536' } }).join(), /wanted at most 65535$/)
    assert.match(mistakes({ DEFAULT: { scrub_time: '-1' } }).join(), /wanted at least 0$/)
    assert.match(mistakes({ DEFAULT: { limit_param_default: '1.5' } }).join(), /a whole number$/)
    assert.match(mistakes({ DEFAULT: { limit_param_default: '' } }).join(), /a whole number$/)
  })

  it('are choices that are none', () => {
    assert.deepEqual(mistakes({ DEFAULT: { hashing_algorithm: 'md5' } }), [
      '[DEFAULT] hashing_algorithm: got "md5", wanted one of: "sha256", "sha384", "sha512"',
    ])
  })
})

describe('an option that means nothing', () => {
  it('is warned of, in every section', () => {
    const { warnings } = loadConfig({
      DEFAULT: { backlog: '4', debug: 'true' },
      keystone_authtoken: { memcached_servers: 'localhost' },
      constructor: { name: 'x' },
      mirror: { constructor: '0' },
    })
    assert.deepEqual(warnings, [
      'Option [DEFAULT] backlog means nothing here and is ignored',
      'Option [keystone_authtoken] memcached_servers means nothing here and is ignored',
      'Option [constructor] name means nothing here and is ignored',
      'Option [mirror] constructor means nothing here and is ignored',
    ])
  })
})

describe('an option that may have been meant', () => {
  const guess = (raw: RawConfig) =>
    loadConfig(raw).warnings.map((text) => /: did you mean (.*)\?$/.exec(text)?.[1])

  it('is told where a letter is wrong, of the option or of its section', () => {
    assert.deepEqual(guess({ DEFAULT: { bind_hots: '::1', debgu: '1' } }), [
      '[DEFAULT] bind_host (in the environment HELIOSTAT_BIND_HOST)',
      '[DEFAULT] debug (in the environment HELIOSTAT_DEBUG)',
    ])
    assert.deepEqual(guess({ keystone_authtokn: { auth_url: 'http://a' } }), [
      '[keystone_authtoken] auth_url (in the environment HELIOSTAT_KEYSTONE_AUTHTOKEN__AUTH_URL)',
    ])
  })

  it('is told where the section is another one', () => {
    assert.deepEqual(guess({ mirror: { data_dir: '/srv' } }), [
      '[heliostat] data_dir (in the environment HELIOSTAT_HELIOSTAT__DATA_DIR)',
    ])
  })

  it('is told of a variable with one underscore where two are wanted', () => {
    const environment = { HELIOSTAT_MIRROR_TOKENS: 'a', HELIOSTAT_DATABASE_CONNECTION: 'file:x' }
    assert.deepEqual(guess(fromEnvironment(environment)), [
      '[mirror] tokens (in the environment HELIOSTAT_MIRROR__TOKENS)',
      '[database] connection (in the environment HELIOSTAT_DATABASE__CONNECTION)',
    ])
  })

  it('is not guessed of what is like none', () => {
    const glance = { DEFAULT: { backlog: '4' }, barbican_service_user: { username: 'x' } }
    assert.deepEqual(guess(glance), [undefined, undefined])
  })

  it('is told beside the mistakes, which come last', () => {
    assert.deepEqual(mistakes({ DEFAULT: { bind_hots: '::1', bind_port: 'http' } }), [
      'Option [DEFAULT] bind_hots means nothing here and is ignored: did you mean [DEFAULT] ' +
        'bind_host (in the environment HELIOSTAT_BIND_HOST)?',
      '[DEFAULT] bind_port: got "http", wanted a whole number',
    ])
  })
})

describe('an option that has another place now', () => {
  const strict = (...sources: RawConfig[]) =>
    load(...sources).image_format.require_image_format_match

  it('is read where it was, with a warning', () => {
    const { config, warnings } = loadConfig({ DEFAULT: { require_image_format_match: 'false' } })
    assert.equal(config.image_format.require_image_format_match, false)
    assert.deepEqual(warnings, [
      'Option [DEFAULT] require_image_format_match is read, but its place is now ' +
        '[image_format] require_image_format_match',
    ])
  })

  it('counts in its place where both are given, and a later source counts in either', () => {
    const before = { DEFAULT: { require_image_format_match: 'false' } }
    const now = { image_format: { require_image_format_match: 'true' } }
    assert.equal(strict({ ...before, ...now }), true)
    assert.equal(strict(before, now), true)
    assert.equal(strict(now, before), false)
  })

  it('may be one of Glance or its libraries', () => {
    const { config } = loadConfig({
      DEFAULT: { disk_formats: 'raw', container_formats: 'bare', logfile: 'a.log', logdir: '/l/' },
      keystone_authtoken: { auth_plugin: 'password', user_name: 'u', tenant_name: 't' },
      key_manager: { auth_url: 'http://keystone/' },
    })
    assert.equal(config.barbican.auth_endpoint, 'http://keystone')
    assert.deepEqual(config.image_format.disk_formats, ['raw'])
    assert.deepEqual(config.image_format.container_formats, ['bare'])
    assert.equal(config.DEFAULT.log_file, '/l/a.log')
    const { auth_type, username, project_name } = config.keystone_authtoken
    assert.deepEqual([auth_type, username, project_name], ['password', 'u', 't'])
  })
})

describe('sections', () => {
  it('are known in whatever case they are written, but for [DEFAULT]', () => {
    assert.equal(load({ Database: { connection: 'file:x' } }).database.connection, 'file:x')
    assert.equal(loadConfig({ default: { debug: '1' } }).config.DEFAULT.debug, false)
  })
})

describe('a folder of logs', () => {
  const logOf = (DEFAULT: Record<string, string>) => load({ DEFAULT }).DEFAULT.log_file

  it('is where a log file lies that is not named by a whole path', () => {
    assert.equal(
      logOf({ log_dir: '/var/log/glance', log_file: 'api.log' }),
      '/var/log/glance/api.log',
    )
    assert.equal(logOf({ log_dir: '/var/log/glance', log_file: '/srv/api.log' }), '/srv/api.log')
    assert.equal(logOf({ log_dir: '/var/log/glance' }), '/var/log/glance/heliostat.log')
  })
})

describe('numbers of Glance', () => {
  it('may be negative where that is no limit, and larger than is exact here', () => {
    const { DEFAULT } = load({
      DEFAULT: { image_tag_quota: '-7', image_size_cap: '9223372036854775807' },
    })
    assert.deepEqual(
      [DEFAULT.image_tag_quota, DEFAULT.image_size_cap],
      [-1, Number.MAX_SAFE_INTEGER],
    )
  })
})

describe('an option without an effect', () => {
  const told = (...sources: RawConfig[]) => loadConfig(...sources).warnings
  const upstream = { mirror: { upstream: 'http://a' } }

  it('is told of at an origin, where it is one of edges', () => {
    const mirror = { pin_tag: 'golden', prefetch_mbits: '80', pin_newest: '-1' }
    const edge = 'has an effect only at an edge, which has a [mirror] upstream'
    const wanted = [`Option [mirror] pin_tag ${edge}`, `Option [mirror] prefetch_mbits ${edge}`]
    assert.deepEqual(told({ mirror }), wanted)
    assert.deepEqual(told({ mirror }, upstream), [])
  })

  it('is told of where callers are known in another way', () => {
    assert.deepEqual(
      told({
        heliostat: { tokens: 'x', token_file: '', trusted_addresses: '192.0.2.1' },
        keystone_authtoken: { username: 'glance' },
      }),
      [
        'Option [heliostat] tokens has an effect only with [paste_deploy] flavor = token',
        'Option [heliostat] trusted_addresses has an effect only with [paste_deploy] flavor = trusted',
        'Option [keystone_authtoken] username has an effect only with [paste_deploy] flavor = keystone',
      ],
    )
    const flavor = { paste_deploy: { flavor: 'token' } }
    assert.deepEqual(told({ heliostat: { tokens: 'x' }, ...flavor }), [])
    const barbican = { barbican_endpoint: 'http://barbican:9311' }
    assert.deepEqual(told({ heliostat: { tokens: 'x' }, barbican, ...flavor }), [
      'Option [barbican] barbican_endpoint has an effect only with a [paste_deploy] flavor other than token, ' +
        'whose tokens Barbican does not know',
    ])
  })

  it('is told in which way its work is done here', () => {
    assert.deepEqual(told({ keystone_authtoken: { cafile: '/ca.pem' } }), [
      'Option [keystone_authtoken] cafile means nothing here and is ignored: set ' +
        'NODE_EXTRA_CA_CERTS, on Deno DENO_CERT, to that file in the environment',
    ])
  })
})

describe('a token for an upstream', () => {
  it('is refused without one', () => {
    const [sentence = '', ...rest] = mistakes({ mirror: { upstream_token: 'hush' } })
    assert.match(sentence, /^\[mirror\] upstream: got "", wanted the address of the site to follow/)
    assert.doesNotMatch(sentence, /hush/)
    assert.deepEqual(rest, [])
  })
})

describe('flavor keystone', () => {
  const missing = (keystone_authtoken: Record<string, string>) =>
    mistakes({ paste_deploy: { flavor: 'keystone' }, keystone_authtoken }).map(
      (text) => /\] (\w+): got ""/.exec(text)?.[1],
    )

  it('needs what its way to log in needs', () => {
    assert.deepEqual(missing({ auth_url: 'http://a' }), ['username', 'password', 'project_name'])
    assert.deepEqual(missing({ auth_url: 'http://a', auth_type: 'v3applicationcredential' }), [
      'application_credential_id',
      'application_credential_secret',
    ])
  })

  it('is refused with a way to log in that is not known', () => {
    assert.match(
      mistakes({ keystone_authtoken: { auth_type: 'v3oidcpassword' } }).join(),
      /^\[keystone_authtoken\] auth_type: got ".*", wanted one of: "", "password", "v3password", "v3app/,
    )
  })
})

describe('a flag', () => {
  const debug = (value: string) => load({ DEFAULT: { debug: value } }).DEFAULT.debug

  it('is written as in oslo.config', () => {
    assert.equal(debug('true'), true)
    assert.equal(debug('True'), true)
    assert.equal(debug('1'), true)
    assert.equal(debug('yes'), true)
    assert.equal(debug('on'), true)
    assert.equal(debug('False'), false)
    assert.equal(debug('0'), false)
    assert.equal(debug('no'), false)
    assert.equal(debug('off'), false)
  })
})

describe('a number of bytes', () => {
  const size = (value: string) => load({ heliostat: { chunk_size: value } }).heliostat.chunk_size

  it('may have a unit', () => {
    assert.equal(size('1048576'), 1048576)
    assert.equal(size('2097152B'), 2097152)
    assert.equal(size('1024KB'), 1048576)
    assert.equal(size('16MB'), 16777216)
    assert.equal(size('64 MB'), 67108864)
  })

  it('is refused with any other unit', () => {
    const wanted =
      '[heliostat] chunk_size: got "8M", wanted a number of bytes such as 8388608 or 8MB'
    assert.deepEqual(mistakes({ heliostat: { chunk_size: '8M' } }), [wanted])
  })

  it('is refused as a size of chunks out of bounds', () => {
    const refused = (value: string) => mistakes({ heliostat: { chunk_size: value } }).length
    assert.equal(refused('512KB'), 1)
    assert.equal(refused('128MB'), 1)
    assert.equal(refused('1GB'), 1)
  })
})

describe('a list', () => {
  const formats = (value: string) =>
    load({ image_format: { disk_formats: value } }).image_format.disk_formats

  it('is separated by commas', () => {
    assert.deepEqual(formats('raw,qcow2'), ['raw', 'qcow2'])
    assert.deepEqual(formats(' raw , qcow2 ,'), ['raw', 'qcow2'])
  })

  it('may be in brackets', () => {
    assert.deepEqual(formats('[raw, qcow2]'), ['raw', 'qcow2'])
    assert.deepEqual(formats('[]'), [])
  })
})

describe('an option that may be absent', () => {
  it('is absent when it is empty', () => {
    const config = load({ DEFAULT: { log_file: '', public_endpoint: '' } })
    assert.equal(config.DEFAULT.log_file, null)
    assert.equal(config.DEFAULT.public_endpoint, null)
  })

  it('is an endpoint without its last slash', () => {
    const { DEFAULT } = load({ DEFAULT: { public_endpoint: 'https://img.example/glance/' } })
    assert.equal(DEFAULT.public_endpoint, 'https://img.example/glance')
  })
})

describe('an address of another service', () => {
  const refused = ['images.example.org', 'ftp://a', 'https://', 'http://me:secret@a', 'http://a/?b']

  it('is refused unless it is one of http or https, without a user or a query', () => {
    for (const value of refused) {
      assert.match(mistakes({ DEFAULT: { public_endpoint: value } }).join(), /wanted an address/)
      assert.match(
        mistakes({ keystone_authtoken: { auth_url: value } }).join(),
        /wanted an address/,
      )
    }
  })

  it('is refused among others that are right', () => {
    const [sentence = '', ...rest] = mistakes({ mirror: { upstream: 'http://a:9292,b:9292' } })
    assert.match(sentence, /^\[mirror\] upstream: got "http:\/\/a:9292,b:9292", wanted an address/)
    assert.deepEqual(rest, [])
  })

  it('may have a port and a path', () => {
    const { mirror } = load({ mirror: { upstream: 'http://a:9292, https://[::1]/image' } })
    assert.deepEqual(mirror.upstream, ['http://a:9292', 'https://[::1]/image'])
  })
})

describe('an address for others without an identity flavor', () => {
  const open = { DEFAULT: { bind_host: '0.0.0.0' } }

  it('is refused, since everybody would be an administrator', () => {
    const [sentence, ...others] = mistakes(open)
    assert.match(
      sentence ?? '',
      /^\[DEFAULT\] bind_host: got "0\.0\.0\.0", wanted a loopback address/,
    )
    assert.deepEqual(others, [])
  })

  it('is refused in every form', () => {
    assert.equal(mistakes({ DEFAULT: { bind_host: '::' } }).length, 1)
    assert.equal(mistakes({ DEFAULT: { bind_host: '192.0.2.1' } }).length, 1)
    assert.equal(mistakes({ DEFAULT: { bind_host: '' } }).length, 1)
  })

  it('is taken when it is forced', () => {
    const forced = { ...open, heliostat: { allow_unauthenticated: 'true' } }
    assert.equal(load(forced).DEFAULT.bind_host, '0.0.0.0')
  })

  it('is taken with a flavor', () => {
    assert.deepEqual(mistakes({ ...open, paste_deploy: { flavor: 'trusted' } }), [])
  })

  it('is no loopback address, which is taken', () => {
    assert.deepEqual(mistakes({ DEFAULT: { bind_host: '::1' } }), [])
    assert.deepEqual(mistakes({ DEFAULT: { bind_host: 'localhost' } }), [])
  })
})

describe('flavor token', () => {
  it('needs tokens', () => {
    assert.deepEqual(mistakes({ paste_deploy: { flavor: 'token' } }), [
      '[heliostat] token_file: got "", wanted a file, since flavor = token',
    ])
  })

  it('takes them from a file or from the option', () => {
    const flavor = { paste_deploy: { flavor: 'token' } }
    assert.deepEqual(mistakes({ ...flavor, heliostat: { token_file: '/etc/tokens' } }), [])
    assert.deepEqual(mistakes({ ...flavor, heliostat: { tokens: 'abc' } }), [])
  })
})

describe('the environment', () => {
  it('names [DEFAULT] options after the prefix, and others after their section', () => {
    assert.deepEqual(
      fromEnvironment({
        HELIOSTAT_BIND_PORT: '1',
        HELIOSTAT_DEBUG: 'true',
        HELIOSTAT_DATABASE__CONNECTION: 'file:x',
        HELIOSTAT_DATABASE__AUTH_TOKEN: 't',
        HELIOSTAT_HELIOSTAT__DATA_DIR: '/srv',
      }),
      {
        DEFAULT: { bind_port: '1', debug: 'true' },
        database: { connection: 'file:x', auth_token: 't' },
        heliostat: { data_dir: '/srv' },
      },
    )
  })

  it('may spell [DEFAULT] out', () => {
    assert.equal(load(fromEnvironment({ HELIOSTAT_DEFAULT__DEBUG: '1' })).DEFAULT.debug, true)
  })

  it('is ignored where it is not for us, or no text', () => {
    const environment = { PATH: '/bin', heliostat_debug: '1', HELIOSTAT_STORE: { get: 1 } }
    assert.deepEqual(fromEnvironment(environment), {})
  })

  it('is warned of where it names nothing', () => {
    const { warnings } = loadConfig(fromEnvironment({ HELIOSTAT_DATA_DIR: '/srv' }))
    assert.deepEqual(warnings, [
      'Option [DEFAULT] data_dir means nothing here and is ignored: did you mean [heliostat] data_dir ' +
        '(in the environment HELIOSTAT_HELIOSTAT__DATA_DIR)?',
    ])
  })
})

describe('a configuration that is printed', () => {
  it('is in the form of its file', () => {
    const text = describeConfig(load({ DEFAULT: { debug: 'yes' } }))
    assert.match(text, /^\[DEFAULT\]\nbind_host = 127\.0\.0\.1\nbind_port = 9292\nlog_file = \n/)
    assert.match(text, /\ndebug = true\n/)
    assert.match(text, /\n\n\[database\]\nconnection = \nauth_token = \n/)
    assert.match(text, /\ntrusted_addresses = 127\.0\.0\.0\/8,::1\n/)
  })

  it('has dollar signs as a file has them', () => {
    assert.match(describeConfig(load({ DEFAULT: { log_file: 'a$b' } })), /\nlog_file = a\$\$b\n/)
  })

  it('has its secrets masked', () => {
    const text = describeConfig(
      load({ database: { auth_token: 'hush' }, heliostat: { tokens: 'a:b:c:d' } }),
    )
    assert.match(text, /\nauth_token = \*\*\*\n/)
    assert.match(text, /\ntokens = \*\*\*\n/)
    assert.doesNotMatch(text, /hush|a:b:c:d/)
  })

  it('has the credentials in its URLs masked', () => {
    const printed = (connection: string) => {
      const [, line] =
        /\nconnection = (.*)\n/.exec(describeConfig(load({ database: { connection } }))) ?? []
      return line
    }
    assert.equal(printed('libsql://me:pass@db.example/x'), 'libsql://***@db.example/x')
    assert.equal(printed('http://me:p@ss@db.example'), 'http://***@db.example')
    assert.equal(
      printed('libsql://db.example?authToken=hush&tls=0'),
      'libsql://db.example?authToken=***&tls=0',
    )
    assert.equal(printed('sqlite:////srv/registry.db'), 'sqlite:////srv/registry.db')
  })
})

describe('the limits of our own', () => {
  const RATES = { pin_newest: '-1', prefetch_mbits: '-1', scrub_mbits: '-1' }
  const limitsOf = ({ mirror }: ReturnType<typeof load>) => [
    mirror.pin_newest,
    mirror.prefetch_mbits,
    mirror.scrub_mbits,
  ]

  it('are numbers, or none with -1', () => {
    const { config, warnings } = loadConfig({ mirror: RATES })
    assert.deepEqual(limitsOf(config), [Infinity, Infinity, Infinity])
    assert.deepEqual(warnings, [])
    const numbers = load({ mirror: { pin_newest: '2', prefetch_mbits: '30', scrub_mbits: '40' } })
    assert.deepEqual(limitsOf(numbers), [2, 30, 40])
  })

  it('are printed as they are written', () => {
    const printed = describeConfig(load({ mirror: RATES }))
    assert.match(printed, /\npin_newest = -1\nprefetch_mbits = -1\nscrub_mbits = -1\n/)
  })

  it('are off with 0, but for those where it was no limit, which are warned of', () => {
    const mirror = { pin_newest: '0', prefetch_mbits: '00', scrub_mbits: '0' }
    const { config, warnings } = loadConfig({ mirror })
    assert.deepEqual(limitsOf(config), [Infinity, Infinity, 0])
    assert.deepEqual(warnings, [
      'Option [mirror] pin_newest = 0 is taken for no limit, as it used to be: write -1 instead',
      'Option [mirror] prefetch_mbits = 0 is taken for no limit, as it used to be: write -1 instead',
    ])
  })

  it('are not less than -1', () => {
    assert.deepEqual(mistakes({ mirror: { prefetch_mbits: '-2', scrub_mbits: '1.5' } }), [
      '[mirror] prefetch_mbits: got "-2", wanted at least -1',
      '[mirror] scrub_mbits: got "1.5", wanted a whole number',
    ])
  })
})

describe('the options of pins and prefetching', () => {
  it('are none at first', () => {
    const { mirror } = load()
    assert.deepEqual([mirror.pin_visibility, mirror.pin_tag, mirror.pin_name], [[], [], []])
    const { pin_newest, prefetch_mbits, prefetch_window } = mirror
    assert.deepEqual([pin_newest, prefetch_mbits, prefetch_window], [Infinity, Infinity, ''])
  })

  it('are lists, numbers and hours', () => {
    const { mirror } = load({
      mirror: {
        pin_visibility: 'public, community',
        pin_newest: '2',
        prefetch_window: '22:00-06:00',
      },
    })
    assert.deepEqual(mirror.pin_visibility, ['public', 'community'])
    assert.equal(mirror.pin_newest, 2)
    assert.equal(mirror.prefetch_window, '22:00-06:00')
  })

  it('are refused when they mean nothing', () => {
    const found = mistakes({ mirror: { pin_visibility: 'everyone', prefetch_window: '22-6' } })
    assert.deepEqual(found, [
      '[mirror] pin_visibility: got "everyone", wanted some of: community, public, private, shared',
      '[mirror] prefetch_window: got "22-6", wanted hours of the day such as 22:00-06:00',
    ])
  })
})
