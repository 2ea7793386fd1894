#!/usr/bin/env node
// The launcher: it says why the commands cannot be loaded, and has Node 20 read TypeScript, which newer ones do.
const OLDEST = [20, 11]

const { node } = process.versions
const [major, minor] = node.split('.').map(Number)
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  end(`This is Node ${node}, wanted ${OLDEST.join('.')} or newer`)
}
if (!process.features.typescript) (await import('tsx/esm/api')).register()
const { deniedByDeno } = await import('../runtime/deno-permissions.ts')
const denied = deniedByDeno()
if (denied !== null) end(denied)
try {
  await import('./main.ts')
} catch (error) {
  if (error.name !== 'NotCapable') throw error
  end(`Deno denies what the service needs: ${error.message}`)
}

function end(message) {
  process.stderr.write(`heliostat: ${message}\n`)
  process.exit(1)
}
