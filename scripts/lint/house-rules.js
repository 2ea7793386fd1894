/** Rules of this house that oxlint does not have. */
const ERROR = /^(error|cause|failure|reason)$/
const MESSAGE = 'What failed is told by reasonOf or traceOf (src/reason.ts)'

/** An error as text quotes what the database was given, and leaves out why `fetch` has failed. */
const reasonOf = {
  create(context) {
    return {
      CallExpression({ callee, arguments: [argument] }) {
        const isText = callee.type === 'Identifier' && callee.name === 'String'
        if (isText && isError(argument)) context.report({ node: argument, message: MESSAGE })
      },
      Property({ key, value }) {
        const isMessage = value.type === 'MemberExpression' && isError(value.object)
        if (key.name === 'reason' && isMessage) context.report({ node: value, message: MESSAGE })
      },
    }
  },
}

function isError(node) {
  return node?.type === 'Identifier' && ERROR.test(node.name)
}

export default { meta: { name: 'house' }, rules: { 'reason-of': reasonOf } }
