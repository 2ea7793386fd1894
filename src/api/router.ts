import type { Result, Router } from 'hono/router'
import { TrieRouter } from 'hono/router/trie-router'
import { createLru } from '../lru.ts'

/** Paths of so many requests. */
const MOST = 1_000

/**
 * Hono's router of tries, which remembers where it has found what: the routes of this API are none for its quicker
 * one, and nodes ask for the same few images.
 */
export function createRouter<T>(): Router<T> {
  const router = new TrieRouter<T>()
  const found = createLru<Result<T>>(MOST)
  return {
    name: 'RememberingRouter',
    add: (method, path, handler) => router.add(method, path, handler),
    match(method, path) {
      const key = `${method} ${path}`
      const known = found.get(key)
      if (known) return known
      const result = router.match(method, path)
      // Clients may send long ones.
      if (key.length <= 200) found.set(key, result)
      return result
    },
  }
}
