/** Whether the same signatures are valid here and to cursive, by which Glance and Nova verify. Needs Debian's python3-cursive. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { constants } from 'node:crypto'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createSignatureVerifiers } from '../../src/images/signatures/verifier.ts'
import { UNKNOWN_ID } from '../support/images.ts'
import {
  ecKeys,
  keysOfEachKind,
  makeCertificate,
  rsaKeys,
  signatureOf,
} from '../support/signing.ts'

const HASHES = ['SHA-224', 'SHA-256', 'SHA-384', 'SHA-512']
const DATA = Buffer.from('the bytes that were signed')
const KEYS = keysOfEachKind()

interface Question {
  name: string
  pem: string
  properties: Record<string, string>
  data: Buffer
}

function ask(name: string, changes: Partial<Question> = {}, properties = {}): Question {
  const keys = KEYS['RSA-PSS'] ?? rsaKeys()
  return {
    name,
    pem: makeCertificate({ keys }).pem,
    data: DATA,
    ...changes,
    properties: {
      img_signature: signatureOf(keys, DATA),
      img_signature_hash_method: 'SHA-256',
      img_signature_key_type: 'RSA-PSS',
      img_signature_certificate_uuid: UNKNOWN_ID,
      ...properties,
    },
  }
}

/** Each kind of key with each digest: rightly, and with something wrong. */
function questions(): Question[] {
  const all: Question[] = []
  for (const [kind, keys] of Object.entries(KEYS)) {
    const { pem } = makeCertificate({ keys })
    for (const hash of HASHES) {
      const name = `${kind} ${hash}`
      const img_signature = signatureOf(keys, DATA, { hash })
      const right = {
        img_signature,
        img_signature_hash_method: hash,
        img_signature_key_type: kind,
      }
      const other = HASHES[(HASHES.indexOf(hash) + 1) % HASHES.length] ?? ''
      const damaged = Buffer.from(img_signature, 'base64')
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
      all.push(
        ask(name, { pem }, right),
        ask(`${name}, other bytes`, { pem, data: Buffer.from('others') }, right),
        ask(`${name}, no bytes`, { pem, data: Buffer.alloc(0) }, right),
        ask(`${name} as ${other}`, { pem }, { ...right, img_signature_hash_method: other }),
        ask(
          `${name}, a wrong bit`,
          { pem },
          { ...right, img_signature: damaged.toString('base64') },
        ),
        ask(`${name}, cut`, { pem }, { ...right, img_signature: img_signature.slice(0, 40) }),
      )
    }
  }
  return [...all, ...salts(), ...names()]
}

/** Keys whose length is no multiple of eight too. */
function salts(): Question[] {
  return [1024, 1025, 1031, 2048, 3072].flatMap((bits) => {
    const keys = rsaKeys(bits)
    const { pem } = makeCertificate({ keys })
    return [constants.RSA_PSS_SALTLEN_MAX_SIGN, 0, 20, 32].map((salt) =>
      ask(
        `${bits} bits, salt ${salt}`,
        { pem },
        { img_signature: signatureOf(keys, DATA, { salt }) },
      ),
    )
  })
}

function names(): Question[] {
  const { img_signature = '' } = ask('').properties
  const small = ecKeys('P-256')
  return [
    ask('lines', {}, { img_signature: img_signature.replace(/.{60}/g, '$&\n') }),
    ask('without its padding', {}, { img_signature: img_signature.replace(/=+$/, '') }),
    ask('no base64', {}, { img_signature: '{}' }),
    ask('SHA-1', {}, { img_signature_hash_method: 'SHA-1' }),
    ask('sha-256', {}, { img_signature_hash_method: 'sha-256' }),
    ask('rsa-pss', {}, { img_signature_key_type: 'rsa-pss' }),
    ask('DSA by a key of RSA', {}, { img_signature_key_type: 'DSA' }),
    ask(
      'a small curve',
      { pem: makeCertificate({ keys: small }).pem },
      { img_signature: signatureOf(small, DATA), img_signature_key_type: 'ECC_SECP256R1' },
    ),
  ]
}

function answersOfCursive(asked: Question[]): string[] {
  const script = fileURLToPath(new URL('signatures-cursive.py', import.meta.url))
  const lines = asked.map(({ pem, properties, data }) =>
    JSON.stringify({ pem, properties, data: data.toString('base64') }),
  )
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', [script], {
    input: lines.join('\n'),
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return stdout.trimEnd().split('\n')
}

async function isValidHere({ pem, properties, data }: Question): Promise<boolean> {
  const verifiers = createSignatureVerifiers({
    sources: [{ find: async () => pem }],
    authorities: null,
  })
  try {
    const verifier = await verifiers.open({ id: UNKNOWN_ID, properties }, null)
    assert.ok(verifier)
    await verifier.update(data)
    verifier.verify()
    return true
  } catch (error) {
    assert.match(String(error), /HeliostatError: Signature verification failed/)
    return false
  }
}

describe('a signature', () => {
  it('is valid when it is to cursive', async () => {
    const asked = questions()
    const said = answersOfCursive(asked)
    assert.equal(said.length, asked.length)
    const wrong: string[] = []
    for (const [index, question] of asked.entries()) {
      const isValid = await isValidHere(question)
      if (isValid !== (said[index] === 'valid')) {
        wrong.push(`${question.name}: here ${isValid}, cursive says ${said[index]}`)
      }
    }
    assert.deepEqual(wrong, [])
    assert.equal(said.filter((answer) => answer === 'valid').length, 4 * 8 + 5 + 1)
  })

  it('is not, unlike to cursive, when the certificate has another curve than the image says', async () => {
    const keys = ecKeys('P-256')
    const question = ask(
      'another curve',
      { pem: makeCertificate({ keys }).pem },
      { img_signature: signatureOf(keys, DATA), img_signature_key_type: 'ECC_SECP384R1' },
    )
    assert.deepEqual(answersOfCursive([question]), ['valid'])
    assert.equal(await isValidHere(question), false)
  })
})
