import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bucketAddress } from '../../../src/blobs/s3/address.ts'
import { s3Credentials } from '../../../src/blobs/s3/settings.ts'

const OPTIONS = {
  s3_store_host: 's3.example.com',
  s3_store_region_name: null,
  s3_store_bucket: 'images',
  s3_store_bucket_url_format: 'auto' as const,
}

const at = (options: Partial<Parameters<typeof bucketAddress>[0]>) =>
  bucketAddress({ ...OPTIONS, ...options })
const urlAt = (s3_store_host: string, more: Parameters<typeof at>[0] = {}) =>
  at({ s3_store_host, ...more }).urlOf('owner')

describe('the address of a bucket', () => {
  it('has the scheme, the port and the folder of the server', () => {
    assert.equal(urlAt('s3.example.com'), 'http://s3.example.com/images/owner')
    assert.equal(urlAt('s3.example.com:7480'), 'http://s3.example.com:7480/images/owner')
    assert.equal(urlAt('https://s3.example.com/'), 'https://s3.example.com/images/owner')
    assert.equal(urlAt('http://[::1]:9000'), 'http://[::1]:9000/images/owner')
    assert.equal(urlAt('https://example.com/s3/'), 'https://example.com/s3/images/owner')
    assert.equal(
      at({}).urlOf(null, { a: 'b c/+&' }),
      'http://s3.example.com/images?a=b%20c%2F%2B%26',
    )
  })

  it('is encrypted at Amazon unless it is said otherwise', () => {
    assert.equal(urlAt('s3.amazonaws.com'), 'https://images.s3.amazonaws.com/owner')
    assert.equal(urlAt('http://s3.amazonaws.com'), 'http://images.s3.amazonaws.com/owner')
    assert.equal(
      urlAt('amazonaws.com.example.com'),
      'http://amazonaws.com.example.com/images/owner',
    )
  })

  it('has the bucket in its host where that is Amazon and the name allows it', () => {
    const amazon = 's3.eu-west-1.amazonaws.com'
    const url = (s3_store_bucket: string) => urlAt(amazon, { s3_store_bucket })
    assert.equal(url('images'), `https://images.${amazon}/owner`)
    assert.equal(url('my.images'), `https://${amazon}/my.images/owner`)
    assert.equal(url('Images'), `https://${amazon}/Images/owner`)
    assert.equal(url('my_images'), `https://${amazon}/my_images/owner`)
    assert.equal(url('tenant:images'), `https://${amazon}/tenant%3Aimages/owner`)
    const path = { s3_store_bucket_url_format: 'path' as const }
    assert.equal(urlAt(amazon, path), `https://${amazon}/images/owner`)
  })

  it('has the bucket in its host where that is wanted', () => {
    const format = { s3_store_bucket_url_format: 'virtual' as const }
    assert.equal(urlAt('s3.example.com:81', format), 'http://images.s3.example.com:81/owner')
    const dotted = { ...format, s3_store_bucket: 'my.images' }
    assert.equal(urlAt('s3.example.com', dotted), 'http://my.images.s3.example.com/owner')
    assert.throws(() => at({ ...format, s3_store_bucket: 'My_Images' }), {
      name: 'ConfigError',
      message:
        's3_store_bucket_url_format is virtual, but "My_Images" cannot be a part of a host\'s name: wanted path',
    })
  })

  it('has the region that is named, or that the host names, or the first', () => {
    const region = (s3_store_host: string, s3_store_region_name: string | null = null) =>
      at({ s3_store_host, s3_store_region_name }).region
    assert.equal(region('s3.example.com', 'RegionOne'), 'RegionOne')
    assert.equal(region('s3.example.com'), 'us-east-1')
    assert.equal(region('s3.example.com', ''), 'us-east-1')
    assert.equal(region('s3.amazonaws.com'), 'us-east-1')
    assert.equal(region('s3-eu-west-1.amazonaws.com'), 'eu-west-1')
    assert.equal(region('s3.cn-north-1.amazonaws.com.cn'), 'cn-north-1')
    assert.equal(region('https://abc.r2.cloudflarestorage.com'), 'auto')
  })

  it('is refused where it cannot be one, without being shown', () => {
    for (const host of [
      '',
      'http://',
      'a b',
      'https://key:secret@s3',
      'http://s3?x',
      'ftp://s3:x',
    ]) {
      assert.throws(() => at({ s3_store_host: host }), {
        name: 'ConfigError',
        message: /^s3_store_host is no server: wanted [^@]*$/,
      })
    }
    for (const bucket of ['', '..', '.x', 'a/b', 'a b', 'a?b', 'a%2fb', 'x'.repeat(256)]) {
      assert.throws(() => at({ s3_store_bucket: bucket }), {
        message: /^s3_store_bucket is no name/,
      })
    }
  })
})

describe('the keys of an S3 store', () => {
  const none = { s3_store_access_key: null, s3_store_secret_key: null }
  const env = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b', AWS_SESSION_TOKEN: 'c' }

  it('are those of the options, whatever the environment has', () => {
    const options = { s3_store_access_key: 'x', s3_store_secret_key: 'y' }
    const keys = { accessKey: 'x', secretKey: 'y', sessionToken: null }
    assert.deepEqual(s3Credentials(options, env), keys)
  })

  it('are those of the environment where the options have none', () => {
    const keys = { accessKey: 'a', secretKey: 'b', sessionToken: 'c' }
    assert.deepEqual(s3Credentials(none, env), keys)
    const lasting = { ...env, AWS_SESSION_TOKEN: undefined }
    assert.deepEqual(s3Credentials(none, lasting), { ...keys, sessionToken: null })
  })

  it('are none where one of two is missing', () => {
    assert.equal(s3Credentials(none, {}), null)
    assert.equal(s3Credentials(none, { AWS_ACCESS_KEY_ID: 'a' }), null)
    assert.equal(s3Credentials({ ...none, s3_store_access_key: 'x' }, env), null)
    assert.equal(s3Credentials({ ...none, s3_store_secret_key: 'y' }, env), null)
  })
})
