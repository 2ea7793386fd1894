#!/usr/bin/env node
// The launcher: it has Node run the bundle of the commands, never that of older sources, and Deno the sources.
import { existsSync } from 'node:fs'
import module from 'node:module'
import { fileURLToPath } from 'node:url'
import { nameSources } from './source-places.js'

const OLDEST = [20, 11]
/** Absent from the package that is published, whose bundle is all that there is. */
const BUILD = new URL('../../scripts/build.js', import.meta.url)
const BUNDLE = new URL('../../dist/heliostat.js', import.meta.url)
/** What V8 has compiled, kept where the folder may be written and Node knows how (22.1). A new bundle begins it anew. */
const COMPILED = new URL('../../dist/compiled', import.meta.url)
const SOURCES = new URL('./main.ts', import.meta.url)

const { node } = process.versions
const [major, minor] = node.split('.').map(Number)
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  end(`This is Node ${node}, wanted ${OLDEST.join('.')} or newer`)
}
await (process.versions.deno === undefined ? runOnNode() : runOnDeno())

async function runOnNode() {
  await import(await commands())
}

/** Where the commands are. A Node that reads TypeScript can do without a bundle. */
async function commands() {
  const mistake = existsSync(BUILD) ? await (await import(BUILD)).ensureBundle() : null
  if (mistake === null) {
    module.enableCompileCache?.(fileURLToPath(COMPILED))
    nameSources()
    return BUNDLE
  }
  if (process.features.typescript) return SOURCES
  return end(`${mistake}. Node ${node} reads no TypeScript: run npm ci, or use Node 22.18 or newer`)
}

async function runOnDeno() {
  const { deniedByDeno } = await import('../runtime/deno-permissions.ts')
  const denied = deniedByDeno()
  if (denied !== null) end(denied)
  try {
    await import(SOURCES)
  } catch (error) {
    if (error.name !== 'NotCapable') throw error
    end(`Deno denies what the service needs: ${error.message}`)
  }
}

function end(message) {
  process.stderr.write(`heliostat: ${message}\n`)
  process.exit(1)
}
