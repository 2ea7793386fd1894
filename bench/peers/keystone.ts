/** A real Keystone, as test/conformance/keystone.sh starts one. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { Lab } from '../lab.ts'
import { install } from './packages.ts'

const SCRIPTS = join(import.meta.dirname, '../../test/conformance')
const NEEDS = {
  commands: ['keystone-manage', 'uwsgi', 'openstack'],
  packages: ['python3-keystone', 'python3-openstackclient', 'uwsgi-plugin-python3'],
}
const START_MS = 120_000
/** It is there for as long as the workload is, which is less. */
const LONGEST_MS = 24 * 3_600_000

export interface Keystone {
  url: string
  /** A new token of an administrator. */
  token: () => Promise<string>
  /** The section that tells a service how to ask it, without the option that names the plugin. */
  authtoken: Record<string, string>
}

export async function startKeystone(lab: Lab): Promise<Keystone> {
  await install(NEEDS, lab)
  const folder = await lab.subfolder('keystone')
  const url = await run(lab, folder)
  return {
    url,
    token: () => issueToken(url),
    authtoken: {
      auth_url: url,
      www_authenticate_uri: url,
      username: 'glance',
      password: 'glance',
      project_name: 'service',
      user_domain_name: 'Default',
      project_domain_name: 'Default',
    },
  }
}

/** The shell that has started it waits for it, so that it ends with that. */
async function run(lab: Lab, folder: string): Promise<string> {
  const script = `
    set -euo pipefail
    . "$1/server.sh"
    . "$1/keystone.sh"
    start_keystone "$2"
    echo "$keystone_url" >"$2/url"
    wait`
  const failure = lab
    .command('bash', ['-c', script, 'bash', SCRIPTS, folder], { limit: LONGEST_MS })
    .then(() => Promise.reject(new Error('Keystone has ended')))
  failure.catch(() => undefined)
  return Promise.race([failure, urlIn(join(folder, 'url'))])
}

async function urlIn(file: string): Promise<string> {
  const limit = Date.now() + START_MS
  while (Date.now() < limit) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return text.trim()
    await setTimeout(100)
  }
  throw new Error('Keystone has not started')
}

async function issueToken(url: string): Promise<string> {
  const domain = { name: 'Default' }
  const auth = {
    identity: {
      methods: ['password'],
      password: { user: { name: 'admin', password: 'admin', domain } },
    },
    scope: { project: { name: 'admin', domain } },
  }
  const response = await fetch(`${url}/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ auth }),
  })
  await response.text()
  const token = response.headers.get('X-Subject-Token')
  if (token === null) throw new Error(`Keystone gave no token: ${response.status}`)
  return token
}
