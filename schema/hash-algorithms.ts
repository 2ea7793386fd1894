/** What an upload may be hashed with, besides MD5: what every runtime computes. */
export const HASH_ALGORITHMS = ['sha256', 'sha384', 'sha512'] as const
