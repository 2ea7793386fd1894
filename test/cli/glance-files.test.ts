import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readConfig } from '../../src/cli/options.ts'
import { type Config, loadConfig } from '../../src/config.ts'
import type { StoreConfig } from '../../src/store-config.ts'
import { STORE_KINDS } from '../../src/store-options.ts'
import { folderOfFiles } from './heliostat.ts'

/** Configuration files as the large deployment tools write them for a Glance. */
const folder = fileURLToPath(new URL('./glance-files', import.meta.url))

/** Takes the place of Glance's own database, which is no registry. */
before(() => (process.env['HELIOSTAT_DATABASE__CONNECTION'] = ''))
after(() => delete process.env['HELIOSTAT_DATABASE__CONNECTION'])

async function read(name: string) {
  const { config, warnings } = await readConfig({ configFile: join(folder, name) })
  const ignored = warnings.flatMap((text) => /^Option (.*) means nothing/.exec(text)?.[1] ?? [])
  return {
    arrived: withoutDefaults(config),
    stores: config.stores.map(withoutStoreDefaults),
    caching: config.caching,
    ignored: bySection(ignored),
    others: warnings.filter((text) => !text.includes('means nothing')),
    guesses: warnings.filter((text) => text.includes('did you mean')),
  }
}

const DEFAULTS = loadConfig().config

function withoutDefaults(config: Config): Record<string, Record<string, unknown>> {
  const { stores: _, caching: __, ...sectionsOfConfig } = config
  const sections = Object.entries(sectionsOfConfig).map(([section, options]) => {
    const usual: Record<string, unknown> = DEFAULTS[section as keyof typeof sectionsOfConfig]
    const given = Object.entries(options).filter(
      ([option, value]) => JSON.stringify(value) !== JSON.stringify(usual[option]),
    )
    return [section, Object.fromEntries(given)] as const
  })
  return Object.fromEntries(sections.filter(([, options]) => Object.keys(options).length > 0))
}

/** Of a store its id, its kind, whether it is the default, and the options that are set. */
function withoutStoreDefaults({ id, kind, isDefault, options }: StoreConfig) {
  const usual: Record<string, unknown> = STORE_KINDS[kind].parse({})
  const given = Object.entries(options).filter(
    ([option, value]) => JSON.stringify(value) !== JSON.stringify(usual[option]),
  )
  return { id, kind, isDefault, ...Object.fromEntries(given) }
}

function bySection(names: string[]): Record<string, string> {
  const sections: Record<string, string> = {}
  for (const name of names) {
    const [, section = '', option = ''] = /^\[(.*)\] (.*)$/.exec(name) ?? []
    sections[section] = `${sections[section] ?? ''} ${option}`.trim()
  }
  return sections
}

describe('the file of a Glance', () => {
  it('from Kolla-Ansible loses no option that has a meaning here', async () => {
    const { arrived, stores, caching, ignored, others, guesses } = await read('kolla-ansible.conf')
    assert.deepEqual(arrived, {
      DEFAULT: {
        bind_host: '10.20.0.11',
        bind_port: 9293,
        log_file: '/var/log/kolla/glance/glance-api.log',
        workers: 5,
        enabled_backends: ['file:file'],
        image_cache_dir: '/var/lib/glance/image-cache',
        image_cache_max_size: 21474836480,
        property_protection_file: '/etc/glance/property-protections-rules.conf',
      },
      glance_store: { default_backend: 'file' },
      paste_deploy: { flavor: 'keystone' },
      keystone_authtoken: {
        auth_type: 'password',
        auth_url: 'https://internal.example:5000',
        www_authenticate_uri: 'https://cloud.example:5000',
        username: 'glance',
        password: 'keystone-secret',
        user_domain_id: 'default',
        project_name: 'service',
        project_domain_id: 'default',
      },
      oslo_policy: { policy_file: 'policy.yaml' },
      oslo_middleware: { enable_proxy_headers_parsing: true },
      cors: { allowed_origin: ['https://cloud.example'] },
    })
    assert.deepEqual(stores, [
      {
        id: 'file',
        kind: 'file',
        isDefault: true,
        filesystem_store_datadir: '/var/lib/glance/images/',
      },
    ])
    assert.deepEqual(ignored, {
      DEFAULT: 'worker_self_reference_url transport_url',
      database: 'connection_recycle_time max_pool_size max_retries',
      keystone_authtoken:
        'cafile region_name memcache_security_strategy memcache_secret_key memcached_servers',
      os_glance_tasks_store: 'filesystem_store_datadir',
      os_glance_staging_store: 'filesystem_store_datadir',
      oslo_concurrency: 'lock_path',
      oslo_messaging_notifications: 'transport_url driver',
      oslo_messaging_rabbit:
        'use_queue_manager heartbeat_in_pthread rabbit_quorum_queue rabbit_transient_quorum_queue',
    })
    assert.equal(caching, true)
    assert.deepEqual([others, guesses], [[], []])
  })

  it('from OpenStack-Ansible loses no option that has a meaning here', async () => {
    const { arrived, stores, ignored, others, guesses } = await read('openstack-ansible.conf')
    assert.deepEqual(arrived, {
      DEFAULT: {
        bind_host: '172.29.236.100',
        debug: true,
        workers: 2,
        enabled_backends: ['http:http', 'cinder:cinder', 'file:file'],
        image_cache_dir: '/var/lib/glance/cache/',
        property_protection_file: 'property-protection.conf',
        property_protection_rule_format: 'policies',
      },
      glance_store: { default_backend: 'file' },
      paste_deploy: { flavor: 'keystone' },
      keystone_authtoken: {
        auth_type: 'password',
        auth_url: 'http://172.29.236.101:5000/v3',
        www_authenticate_uri: 'https://cloud.example:5000',
        username: 'glance',
        password: 'keystone-secret',
        user_domain_id: 'default',
        project_name: 'service',
        project_domain_id: 'default',
        token_cache_time: 120,
        service_token_roles: ['service', 'admin'],
        service_token_roles_required: false,
      },
      oslo_policy: { policy_file: 'policy.yaml' },
      oslo_middleware: { enable_proxy_headers_parsing: true },
      cors: {
        allowed_origin: ['https://cloud.example'],
        allow_headers: ['origin', 'content-md5', 'x-auth-token', 'x-openstack-request-id'],
        allow_methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
      },
    })
    assert.deepEqual(stores, [
      { id: 'http', kind: 'http', isDefault: false },
      {
        id: 'file',
        kind: 'file',
        isDefault: true,
        filesystem_store_datadir: '/var/lib/glance/images/',
      },
    ])
    assert.deepEqual(ignored, {
      DEFAULT:
        'use_stderr use_journal fatal_deprecations http_keepalive backlog ' +
        'worker_self_reference_url image_cache_stall_time',
      task: 'task_executor',
      database: 'max_overflow max_pool_size pool_timeout connection_recycle_time',
      keystone_authtoken:
        'insecure region_name memcached_servers memcache_security_strategy memcache_secret_key',
      oslo_policy: 'policy_default_rule policy_dirs',
      oslo_messaging_notifications: 'topics driver transport_url',
      cinder: 'cinder_catalog_info cinder_store_user_name cinder_store_password',
      profiler: 'enabled',
      oslo_concurrency: 'lock_path',
    })
    assert.deepEqual(
      [others, guesses],
      [
        [
          'Store "cinder" is left out, since "cinder" is no kind of store here: what lies in it cannot be read',
        ],
        [],
      ],
    )
  })

  it('from Debian’s package loses no option that has a meaning here', async () => {
    const { arrived, stores, ignored, others, guesses } = await read('debian.conf')
    assert.deepEqual(arrived, {
      paste_deploy: { flavor: 'keystone' },
      keystone_authtoken: {
        auth_type: 'password',
        auth_url: 'http://localhost:5000',
        www_authenticate_uri: 'http://localhost:5000',
        username: 'glance',
        password: 'keystone-secret',
        user_domain_name: 'Default',
        project_name: 'service',
        project_domain_name: 'Default',
      },
    })
    assert.deepEqual(stores, [
      {
        id: 'file',
        kind: 'file',
        isDefault: true,
        filesystem_store_datadir: '/var/lib/glance/images',
      },
      { id: 'http', kind: 'http', isDefault: false },
    ])
    assert.deepEqual(ignored, {
      DEFAULT: 'transport_url',
      keystone_authtoken: 'region_name',
      oslo_concurrency: 'lock_path',
    })
    assert.deepEqual(others, [
      'Option [keystone_authtoken] auth_uri is read, but its place is now ' +
        '[keystone_authtoken] www_authenticate_uri',
    ])
    assert.deepEqual(guesses, [])
  })

  it('from the installation guide loses no option that has a meaning here', async () => {
    const { arrived, stores, ignored, others, guesses } = await read('install-guide.conf')
    assert.deepEqual(arrived, {
      DEFAULT: { enabled_backends: ['fs:file'], use_keystone_limits: true },
      glance_store: { default_backend: 'fs' },
      paste_deploy: { flavor: 'keystone' },
      keystone_authtoken: {
        auth_type: 'password',
        auth_url: 'http://controller:5000',
        www_authenticate_uri: 'http://controller:5000',
        username: 'glance',
        password: 'keystone-secret',
        user_domain_name: 'Default',
        project_name: 'service',
        project_domain_name: 'Default',
      },
      oslo_limit: {
        endpoint_id: '340be3625e9b4239a6415d034e98aace',
        auth_type: 'password',
        auth_url: 'http://controller:5000',
        username: 'glance',
        user_domain_id: 'default',
        password: 'limits-secret',
      },
    })
    assert.deepEqual(stores, [
      {
        id: 'fs',
        kind: 'file',
        isDefault: true,
        filesystem_store_datadir: '/var/lib/glance/images/',
      },
    ])
    assert.deepEqual(ignored, {
      keystone_authtoken: 'memcached_servers',
      oslo_limit: 'region_name',
    })
    assert.deepEqual([others, guesses], [[], []])
  })

  it('from Puppet loses no option that has a meaning here', async () => {
    const { arrived, stores, ignored, others, guesses } = await read('puppet.conf')
    assert.deepEqual(arrived, {
      DEFAULT: {
        bind_host: '192.168.24.9',
        log_file: '/var/log/glance/api.log',
        public_endpoint: 'https://images.example',
        limit_param_default: 50,
        api_limit_max: 500,
        image_member_quota: -1,
        image_property_quota: 200,
        image_tag_quota: 64,
        user_storage_quota: 536870912000,
        image_size_cap: Number.MAX_SAFE_INTEGER,
        hashing_algorithm: 'sha256',
        workers: 4,
        enabled_backends: ['ceph:rbd', 'local:file'],
        image_cache_dir: '/var/lib/glance/image-cache',
        delayed_delete: true,
      },
      glance_store: { default_backend: 'ceph' },
      image_format: {
        disk_formats: ['raw', 'qcow2'],
        container_formats: ['bare', 'ova'],
        require_image_format_match: false,
      },
      paste_deploy: { flavor: 'keystone' },
      keystone_authtoken: {
        auth_type: 'v3applicationcredential',
        auth_url: 'http://192.168.24.8:5000',
        www_authenticate_uri: 'http://192.168.24.8:5000',
        application_credential_id: 'f00d',
        application_credential_secret: 'keystone-secret',
        http_connect_timeout: 30,
      },
      oslo_policy: { policy_file: '/etc/glance/policy.yaml' },
      healthcheck: { disable_by_file_path: '/run/glance/out-of-service' },
    })
    assert.deepEqual(stores, [
      { id: 'ceph', kind: 'rbd', isDefault: true, rbd_store_user: 'openstack' },
      {
        id: 'local',
        kind: 'file',
        isDefault: false,
        filesystem_store_datadir: '/var/lib/glance/images',
      },
    ])
    assert.deepEqual(ignored, {
      DEFAULT: 'backlog use_syslog',
      database: 'db_max_retries',
      keystone_authtoken: 'interface',
      healthcheck: 'detailed',
      oslo_policy: 'enforce_scope enforce_new_defaults',
    })
    assert.deepEqual([others, guesses], [[], []])
  })

  it('is refused only for its database, which is told without its password', async () => {
    delete process.env['HELIOSTAT_DATABASE__CONNECTION']
    const refused = read('kolla-ansible.conf').finally(
      () => (process.env['HELIOSTAT_DATABASE__CONNECTION'] = ''),
    )
    await assert.rejects(refused, ({ message }: Error) => {
      const [last, ...rest] = message.split('\n').toReversed()
      assert.match(last ?? '', /^\[database\] connection: got "mysql\+pymysql:\/\/\*\*\*@10/)
      assert.match(last ?? '', /: what Glance has in its database is not read here$/)
      assert.ok(rest.every((line) => /^Option \[.*means nothing here/.test(line)))
      assert.doesNotMatch(message, /secret\b/)
      return true
    })
  })
})

describe('files beside a configuration file', () => {
  let files: Awaited<ReturnType<typeof folderOfFiles>>
  before(async () => {
    files = await folderOfFiles()
  })
  after(() => files.remove())

  async function rulesOf(...lines: string[]) {
    const { config } = await readConfig({
      configFile: await files.write('glance-api.conf', ...lines),
    })
    return [config.oslo_policy.policy_file, config.DEFAULT.property_protection_file]
  }

  it('are what their names mean, and a policy is read under its usual one', async () => {
    assert.deepEqual(await rulesOf(), [null, null])
    const policy = await files.write('policy.yaml', '{}')
    const own = await files.write('own.yaml', '{}')
    const protection = await files.write('protection.conf', '')
    assert.deepEqual(await rulesOf(), [policy, null])
    const named = ['property_protection_file = protection.conf', '[oslo_policy]']
    assert.deepEqual(await rulesOf(...named, 'policy_file = own.yaml'), [own, protection])
    assert.deepEqual(await rulesOf(...named, 'policy_file = gone.yaml'), ['gone.yaml', protection])
    assert.deepEqual(await rulesOf('[oslo_policy]', 'policy_file ='), [null, null])
  })
})
