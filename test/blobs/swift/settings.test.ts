import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { swiftReference } from '../../../src/blobs/swift/reference.ts'
import { swiftMistakes } from '../../../src/blobs/swift/settings.ts'
import { createSwiftStore } from '../../../src/blobs/swift/store.ts'
import { ConfigError } from '../../../src/errors.ts'
import { swiftOptions } from '../../support/swift-server.ts'

const FILE = `
# of Glance
[DEFAULT]
project_domain_name = Default

[ref1]
user = service:glance
key = "pass=wo;rd#1 %%"
auth_address: http://controller:5000/v3
User_Domain_ID = people

[ref2]
auth_version = 1
user = tenant:user
key = 'k'
auth_address = https://swift/auth/v1.0

[ref3]
auth_address = http://controller:5000
application_credential_id = id
application_credential_secret = secret

[ref4]
user = tenant:user
`

describe('account in swift_store_config_file', () => {
  it('is the section that is named, with its defaults', () => {
    assert.deepEqual(swiftReference(FILE, 'ref1'), {
      auth_address: 'http://controller:5000/v3',
      auth_version: '3',
      user: 'service:glance',
      key: 'pass=wo;rd#1 %',
      user_domain_id: 'people',
      user_domain_name: null,
      project_domain_id: null,
      project_domain_name: 'Default',
      application_credential_id: null,
      application_credential_secret: null,
    })
  })

  it('may say the version of its login, and be an application credential', () => {
    assert.equal(swiftReference(FILE, 'ref2').auth_version, '1')
    assert.equal(swiftReference(FILE, 'ref2').key, 'k')
    assert.equal(swiftReference(FILE, 'ref1', '2').auth_version, '2')
    const { application_credential_id: id, user } = swiftReference(FILE, 'ref3')
    assert.deepEqual([id, user], ['id', null])
  })

  it('that is missing or lacks something is told', () => {
    const told = (name: string, message: RegExp) =>
      assert.throws(() => swiftReference(FILE, name), { name: 'ConfigError', message })
    told('ref9', /wanted a section \[ref9\]/)
    told('ref4', /\[ref4\] has no auth_address/)
    told('__proto__', /wanted a section/)
    told('toString', /wanted a section/)
  })

  it('that cannot be read is told without what stands there', () => {
    assert.throws(
      () => swiftReference('[ref1]\nmy secret', 'ref1'),
      (error) => error instanceof ConfigError && !error.message.includes('secret'),
    )
  })
})

describe('options of Swift', () => {
  const right = swiftOptions('http://controller:5000/v3', '3')
  const mistakes = (changes: object, account: object = {}) =>
    swiftMistakes({ ...right, account: { ...right.account, ...account }, ...changes }).join('\n')

  it('that may be right are not refused', () => {
    assert.equal(mistakes({}), '')
    assert.equal(mistakes({}, { auth_version: '1', user: 'admin' }), '')
    const credential = { application_credential_id: 'i', application_credential_secret: 's' }
    assert.equal(mistakes({}, { user: null, key: null, ...credential }), '')
  })

  it('that cannot be right are each told', () => {
    assert.match(mistakes({ swift_store_multi_tenant: true }), /wanted false, since an image would/)
    assert.match(mistakes({ swift_store_container: 'a/b' }), /swift_store_container: wanted/)
    assert.match(mistakes({ swift_store_container: '..' }), /swift_store_container: wanted/)
    assert.match(mistakes({ swift_store_endpoint: 'swift:1' }), /swift_store_endpoint: wanted/)
    assert.match(mistakes({}, { auth_address: '' }), /swift_store_auth_address: wanted/)
    assert.match(mistakes({}, { auth_address: 'http://u:p@h/' }), /swift_store_auth_address/)
    assert.match(mistakes({}, { user: 'glance' }), /swift_store_user: wanted PROJECT:USER/)
    assert.match(mistakes({}, { key: null }), /swift_store_user and swift_store_key: wanted both/)
    assert.match(mistakes({}, { application_credential_id: 'i' }), /credential_secret: got ""/)
  })

  it('that cannot be right stop the store', () => {
    const options = { ...right, swift_store_multi_tenant: true }
    assert.throws(() => createSwiftStore(options, fetch), ConfigError)
  })
})
