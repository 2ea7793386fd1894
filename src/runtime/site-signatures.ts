import type { Config } from '../config.ts'
import { createBarbican } from '../images/signatures/barbican.ts'
import { createSignatureVerifiers, type SignatureVerifiers } from '../images/signatures/verifier.ts'
import type { SigningFiles } from './signing-certificates.ts'

/** Verifies the signatures of images by certificates of the operator's folder, and then by those of Barbican. */
export function createSiteSignatures(
  { barbican, keystone_authtoken, paste_deploy }: Config,
  files: SigningFiles | null,
): SignatureVerifiers {
  const { flavor } = paste_deploy
  const keystone = flavor === 'keystone' ? keystone_authtoken.auth_url : null
  const options = { ...barbican, auth_endpoint: barbican.auth_endpoint ?? keystone }
  // The tokens of that flavor are this site's own, and no business of Barbican's.
  const asked = flavor === 'token' ? null : createBarbican(options, files?.fetch ?? fetch)
  return createSignatureVerifiers({
    sources: [files?.folder ?? null, asked].filter((source) => source !== null),
    authorities: files?.authorities ?? null,
  })
}
