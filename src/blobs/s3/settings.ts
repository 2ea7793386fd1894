/** Options as Glance has them, under their own names. Those about parts mean nothing here: a chunk goes as a whole. */
export interface S3Options {
  /** The server: a name or an address, with or without a port, or a URL. `http` unless it says otherwise, as in Glance. */
  s3_store_host: string
  /** Null: read from the host where that is Amazon's or Cloudflare's, otherwise `us-east-1`. */
  s3_store_region_name: string | null
  s3_store_bucket: string
  /** Default false. Creates the bucket when the first chunk comes; until then it counts as an empty one. */
  s3_store_create_bucket_on_put: boolean
  /** Default `auto`: the bucket is a part of the host's name at Amazon, where its name allows it, else of the path. */
  s3_store_bucket_url_format: 'auto' | 'virtual' | 'path'
  /** What `s3Credentials` gives. */
  credentials: S3Credentials
}

export interface S3Credentials {
  accessKey: string
  secretKey: string
  /** With keys that are valid for a while only. */
  sessionToken: string | null
}

export interface S3Keys {
  s3_store_access_key: string | null
  s3_store_secret_key: string | null
}

/**
 * The keys of the options or, where neither is set, those that boto finds in the environment. Null where there are none
 * or where half of a pair is missing.
 */
export function s3Credentials(
  { s3_store_access_key, s3_store_secret_key }: S3Keys,
  env: Record<string, string | undefined>,
): S3Credentials | null {
  if (s3_store_access_key || s3_store_secret_key) {
    return pair(s3_store_access_key, s3_store_secret_key, null)
  }
  return pair(env.AWS_ACCESS_KEY_ID, env.AWS_SECRET_ACCESS_KEY, env.AWS_SESSION_TOKEN)
}

type Text = string | null | undefined

function pair(accessKey: Text, secretKey: Text, sessionToken: Text): S3Credentials | null {
  if (!accessKey || !secretKey) return null
  return { accessKey, secretKey, sessionToken: sessionToken || null }
}
