import type { App } from './context.ts'
import { json } from './json.ts'
import { respond } from './respond.ts'

const page = (reason: string) =>
  `<!DOCTYPE html><html><body><table><tr><th>Reason</th></tr><tr><td>${reason}</td></tr></table></body></html>`

/** Mounts `/healthcheck`: whether this server should get requests, for load balancers. No identity is asked for. */
export function mountHealth(app: App, isDisabled: () => Promise<boolean>): void {
  app.all('/healthcheck', async (context) => {
    const disabled = await isDisabled()
    const status = disabled ? 503 : 200
    const reason = disabled ? 'DISABLED BY FILE' : 'OK'
    if (context.req.method === 'HEAD') return respond(context, null, disabled ? 503 : 204)
    const accept = context.req.header('Accept') ?? ''
    if (accept.includes('application/json')) {
      return json(context, { detailed: false, reasons: [reason] }, { status })
    }
    if (accept.includes('text/html')) return context.html(page(reason), status)
    return context.text(reason, status)
  })
}
