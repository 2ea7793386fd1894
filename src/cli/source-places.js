// @ts-check
import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { fileURLToPath } from 'node:url'

/** @type {Map<string, SourceMap | null>} */
const maps = new Map()

/**
 * Has stack traces name the sources that a bundle was made of. A map is read with the first trace that leads into it:
 * Node's own `--enable-source-maps` reads all of them at the start, which then takes a seventh longer.
 */
export function nameSources() {
  Error.prepareStackTrace = (error, frames) =>
    [
      Error.prototype.toString.call(error),
      ...frames.map((frame) => `    at ${sourceOf(frame)}`),
    ].join('\n')
}

/** @param {NodeJS.CallSite} frame */
function sourceOf(frame) {
  return `${frame}`.replace(/(file:.+\.js):(\d+):(\d+)/, (place, url, line, column) => {
    const entry = mapOf(url)?.findEntry(line - 1, column - 1)
    if (entry === undefined || !('originalSource' in entry)) return place
    const path = fileURLToPath(new URL(entry.originalSource, url))
    return `${path}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
  })
}

/** @param {string} url */
function mapOf(url) {
  let map = maps.get(url)
  if (map === undefined) {
    map = readMap(url)
    maps.set(url, map)
  }
  return map
}

/** @param {string} url */
function readMap(url) {
  try {
    return new SourceMap(JSON.parse(readFileSync(new URL(`${url}.map`), 'utf8')))
  } catch {
    return null
  }
}
