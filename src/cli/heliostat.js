#!/usr/bin/env node
// The launcher. Node 20 cannot read TypeScript by itself, newer ones can.
if (!process.features.typescript) (await import('tsx/esm/api')).register()
await import('./main.ts')
