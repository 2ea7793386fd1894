import { z } from 'zod'
import { accessRule } from './access-rules.ts'
import { createIdentity } from './caller.ts'

const time = z.string().transform(Date.parse).pipe(z.number())
const inDomain = z.object({ id: z.string(), domain: z.object({ id: z.string() }) })

/** https://docs.openstack.org/api-ref/identity/v3/#validate-and-show-information-for-token */
const keystoneDocument = z.object({
  token: z.object({
    expires_at: time,
    user: inDomain,
    roles: z.array(z.object({ name: z.string() })).default([]),
    project: inDomain.nullish(),
    domain: z.object({ id: z.string() }).nullish(),
    system: z.object({ all: z.boolean().optional() }).nullish(),
    application_credential: z.object({ access_rules: z.array(accessRule).nullish() }).nullish(),
  }),
})

const vouchedIdentity = z.object({
  userId: z.string().nullable(),
  projectId: z.string().nullable(),
  userDomainId: z.string().nullable(),
  projectDomainId: z.string().nullable(),
  domainId: z.string().nullable(),
  systemScope: z.string().nullable(),
  roles: z.array(z.string()).readonly(),
  serviceRoles: z.array(z.string()).readonly(),
})

/** Whose a token is, as it is remembered. */
export const bearer = z.object({
  identity: vouchedIdentity,
  /** Null for a token that is good for every request. */
  accessRules: z.array(accessRule).nullable(),
})
export type Bearer = z.output<typeof bearer>

/** What Keystone says of a token that it knows. */
export interface VouchedToken extends Bearer {
  validatedAt: number
  expiresAt: number
}

/** Null for what is no such document. */
export function parseKeystoneToken(document: unknown): VouchedToken | null {
  const parsed = keystoneDocument.safeParse(document)
  if (!parsed.success) return null
  const { token } = parsed.data
  const identity = createIdentity({
    userId: token.user.id,
    userDomainId: token.user.domain.id,
    projectId: token.project?.id ?? null,
    projectDomainId: token.project?.domain.id ?? null,
    domainId: token.domain?.id ?? null,
    systemScope: token.system?.all ? 'all' : null,
    roles: token.roles.map(({ name }) => name.toLowerCase()),
  })
  return {
    identity,
    accessRules: token.application_credential?.access_rules ?? null,
    validatedAt: Date.now(),
    expiresAt: token.expires_at,
  }
}
