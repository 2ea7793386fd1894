import type { Handler } from 'hono'
import { HeliostatError } from '../errors.ts'
import { announcesBody } from '../http/body.ts'
import type { App, Env, RequestContext } from './context.ts'

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/**
 * Mounts what a path answers to. HEAD has the answer of GET without its body (Hono sees to that), so a handler of GET
 * whose body costs something asks for the method. Any other method is a 405 whose `Allow` lists the handlers in the
 * order given.
 */
export function resource<Path extends string>(
  app: App,
  path: Path,
  handlers: Partial<Record<Method, Handler<Env, Path>>>,
): void {
  const methods = Object.keys(handlers).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : name))
  app.use(path, async function refuseMethod(context, next) {
    if (methods.includes(context.req.method)) return next()
    throw methodNotAllowed(context.req.method, methods.join(', '))
  })
  for (const [method, handler] of Object.entries(handlers)) app.on(method, path, handler)
}

/** For requests whose body can mean nothing [400]. */
export function refuseBody(context: RequestContext): void {
  if (announcesBody(context.req.raw.headers)) {
    throw new HeliostatError('invalid', 'A body is not expected with this request.')
  }
}

function methodNotAllowed(method: string, allow: string): HeliostatError {
  return new HeliostatError(
    'method-not-allowed',
    `The method ${method} is not allowed for this resource.`,
    { headers: { Allow: allow } },
  )
}
