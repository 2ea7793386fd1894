import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Caller, createIdentity } from '../../src/identity/caller.ts'
import { createRuleSet, mayList, type Target } from '../../src/identity/policy.ts'

const ANN: Caller = {
  ...createIdentity({
    userId: 'ann',
    projectId: 'p1',
    userDomainId: 'default',
    roles: ['member', 'reader'],
  }),
  isAdmin: false,
  isAnonymous: false,
}

const TARGET: Target = {
  owner: 'p1',
  visibility: 'shared',
  id: 'i1',
  name: null,
  protected: true,
  min_ram: 512,
  tags: ['t'],
  properties: { os_distro: 'debian', builder: 'ann', member_id: 'p1', kernel_id: null },
}

const OTHERS = {
  a: 'role:member or rule:b',
  b: "'public':%(visibility)s",
}

function holds(rule: string, caller: Partial<Caller> = {}, target: Partial<Target> = {}): boolean {
  const rules = new Map(Object.entries({ ...OTHERS, get_image: rule }))
  const { policy, mistakes } = createRuleSet(rules)
  assert.deepEqual(mistakes, [], rule)
  return policy.isAllowed('get_image', { ...ANN, ...caller }, { ...TARGET, ...target })
}

/** Each rule with what oslo.policy makes of it. */
function expect(cases: [rule: string, holds: boolean][]): void {
  for (const [rule, expected] of cases) assert.equal(holds(rule), expected, rule)
}

describe('a check', () => {
  it('is for everyone when it is empty or @, for nobody when it is !', () => {
    expect([
      ['', true],
      ['@', true],
      ['!', false],
      ['not !', true],
    ])
  })

  it('of a role looks for its name in any case', () => {
    expect([
      ['role:member', true],
      ['role:MEMBER', true],
      ['role:admin', false],
      ['role:%(os_distro)s', false],
      ['role:%(missing)s', false],
      ['role:', false],
    ])
    assert.equal(holds('role:%(os_distro)s', { roles: ['debian'] }), true)
    assert.equal(holds('role:x', { serviceRoles: ['x'] }), false)
  })

  it('of another rule is what that rule says', () => {
    expect([
      ['rule:a', true],
      ['rule:b', false],
      ['not rule:b', true],
      ['rule:context_is_admin', false],
    ])
  })

  it('of a credential compares it with an attribute of the target', () => {
    expect([
      ['project_id:%(project_id)s', true],
      ['project_id:%(owner)s', true],
      ['project_id:%(tenant)s', true],
      ['tenant:%(tenant_id)s', true],
      ['user_id:%(owner)s', false],
      ['user_id:%(builder)s', true],
      ['user:ann', true],
      ['user_id:Ann', false],
      ['user_domain_id:default', true],
      ['project_domain_id:None', true],
      ['roles:reader', true],
      ['roles:Reader', false],
      ['is_admin:False', true],
      ['is_admin:false', false],
      ['is_admin:True', false],
      ['user_id:%(missing)s', false],
      ['user_id:%(tags)s', false],
      ['user_id:%(constructor)s', false],
    ])
    assert.equal(holds('is_admin:True', { isAdmin: true }), true)
  })

  it('of a literal compares it with an attribute as Python would print it', () => {
    expect([
      ["'shared':%(visibility)s", true],
      ['"shared":%(visibility)s', true],
      ["'Shared':%(visibility)s", false],
      ["'debian':%(os_distro)s", true],
      ['True:%(protected)s', true],
      ['False:%(protected)s', false],
      ['None:%(name)s', true],
      ['None:%(kernel_id)s', true],
      ['None:%(missing)s', false],
      ['not None:%(missing)s', true],
      ['512:%(min_ram)s', true],
      ['+512:%(min_ram)s', true],
      ["'512':%(min_ram)s", true],
      ["'i1':%(image_id)s", true],
    ])
  })

  it('may have text around placeholders, and a doubled percent sign', () => {
    expect([
      ['user_id:%(builder)s', true],
      ['user_id:a%(missing)s', false],
      ["'of-ann-on-debian!':of-%(builder)s-on-%(os_distro)s!", true],
      ["'100%':100%%", true],
      ["'':%(missing)s", false],
      ["'a':b:c", false],
    ])
  })

  it('takes what a caller lacks for nothing that a target has or lacks, unlike oslo.policy', () => {
    const nothing = { projectId: null, userId: null, userDomainId: null }
    const nobodys = { owner: null, member_id: null, properties: { builder: null } }
    for (const rule of [
      'project_id:%(project_id)s',
      'tenant:%(owner)s',
      'project_id:%(member_id)s',
      'project_id:%(builder)s',
      'user_id:%(builder)s',
      'user_id:%(owner)s',
      'user_domain_id:%(name)s',
    ]) {
      assert.equal(holds(rule, nothing, nobodys), false, rule)
      assert.equal(holds(rule, nothing), false, rule)
      assert.equal(holds(rule, {}, nobodys), false, rule)
      assert.equal(holds(`not ${rule}`, nothing, nobodys), true, rule)
    }
  })

  it('takes nothing for no project, user or role that is called None', () => {
    const named = { projectId: 'None', userId: 'None', roles: ['none'] }
    const none = { projectId: null, userId: null }
    assert.equal(holds('project_id:%(owner)s', named, { owner: null }), false)
    assert.equal(holds('project_id:%(owner)s', none, { owner: 'None' }), false)
    assert.equal(holds('project_id:%(member_id)s', none, { member_id: 'None' }), false)
    assert.equal(holds('user_id:%(kernel_id)s', named), false)
    assert.equal(holds('user_id:x%(kernel_id)s', { userId: 'xNone' }), false)
    assert.equal(holds('role:%(kernel_id)s', named), false)
    assert.equal(holds('roles:%(kernel_id)s', { roles: ['None'] }), false)
    assert.equal(holds('project_id:None', named), false)
  })

  it('means it where it says None itself', () => {
    const none = { projectId: null }
    assert.equal(holds('project_id:None', none), true)
    assert.equal(holds('project_id:None'), false)
    assert.equal(holds('not project_id:None'), true)
    assert.equal(holds('None:%(owner)s', {}, { owner: null }), true)
    assert.equal(holds('None:%(owner)s'), false)
  })

  it('of the member does not believe a custom property of that name', () => {
    assert.equal(holds('project_id:%(member_id)s'), false)
    assert.equal(holds('project_id:%(member_id)s', {}, { member_id: 'p1' }), true)
    assert.equal(holds('project_id:%(member)s', {}, { member_id: 'p1' }), true)
    assert.equal(holds('project_id:%(member_id)s', {}, { member_id: 'p2' }), false)
    assert.equal(holds('project_id:%(member_id)s', { projectId: null }), false)
  })
})

describe('a list', () => {
  const maysList = (rule: string, caller: Partial<Caller> = {}) => {
    const { policy } = createRuleSet(new Map([['get_images', rule]]))
    return mayList(policy, 'get_images', { ...ANN, ...caller })
  }
  const none = { projectId: null }

  it("is the caller's own, also of one without a project", () => {
    assert.equal(maysList('role:reader and project_id:%(project_id)s'), true)
    assert.equal(maysList('role:reader and project_id:%(owner)s', none), true)
    assert.equal(maysList('role:reader and tenant:%(tenant)s', { ...none, roles: [] }), false)
  })

  it('is closed to one without a project by a rule that says so', () => {
    assert.equal(maysList('not project_id:None'), true)
    assert.equal(maysList('not project_id:None', none), false)
  })
})

describe('checks together', () => {
  it('bind as not, then and, then or, unless there are parentheses', () => {
    expect([
      ['@ or @ and !', true],
      ['(@ or @) and !', false],
      ['! and ! or @', true],
      ['! and (! or @)', false],
      ['not @ or @', true],
      ['not (@ or @)', false],
      ['not @ and !', false],
      ['not (@ and !)', true],
      ['not not @', true],
      ['@ and not ! and @', true],
      ['((@))', true],
    ])
  })

  it('may have operators in any case, and blanks and lines between', () => {
    expect([
      ['@ AND NOT !', true],
      ['! Or\n  @', true],
      ['( role:admin OR ( role:member ) )', true],
      [' role:member ', true],
    ])
  })
})

describe('a token of a whole domain or deployment', () => {
  it('fails every rule', () => {
    assert.equal(holds('@', { systemScope: 'all' }), false)
    assert.equal(holds('', { domainId: 'default' }), false)
    assert.equal(holds("system_scope:all or 'a':a", { systemScope: 'all' }), false)
  })
})

describe('a rule that is none', () => {
  const wanted = (rule: string) =>
    createRuleSet(new Map([['get_image', rule]])).mistakes.map((mistake) => mistake.wanted)

  it('is told with what was wanted', () => {
    const cases: [rule: string, wanted: string][] = [
      [' ', 'wanted a check such as role:admin before the end'],
      ['role:admin or', 'wanted a check such as role:admin before the end'],
      ['or role:admin', 'wanted a check such as role:admin before "or"'],
      ['()', 'wanted a check such as role:admin before ")"'],
      ['not', 'wanted a check such as role:admin before the end'],
      ['(role:admin', 'wanted ")" before the end'],
      ['(role:admin role:x)', 'wanted ")" before "role:x"'],
      ['role:admin)', 'wanted "and", "or" or the end before ")"'],
      ['role:admin role:x', 'wanted "and", "or" or the end before "role:x"'],
      ['admin', 'wanted a check such as role:admin for "admin"'],
      ["'a':'a'", `wanted a check such as role:admin for "'a':'a'"`],
      ["'a b':%(name)s", `wanted a check such as role:admin for "'a"`],
      [
        'http://auth.example/check',
        'wanted a check that needs no other server than this one for "http://auth.example/check"',
      ],
      [
        'public:%(visibility)s',
        "wanted role:, rule:, a credential such as project_id: or a literal such as 'public': " +
          'for "public:%(visibility)s"',
      ],
      ["'a:%(name)s", "wanted a literal such as 'public', without a backslash, for 'a"],
      ['user_id:%s', 'wanted %(attribute)s or %% for "%s"'],
      ['user_id:%(owner)d', 'wanted %(attribute)s or %% for "%(owner)d"'],
      ['rule:x', 'wanted a rule that exists for "rule:x"'],
      ['@ and not rule:get_image', 'wanted no circle of rules: get_image -> get_image'],
    ]
    for (const [rule, expected] of cases) assert.deepEqual(wanted(rule), [expected], rule)
  })

  it('may go round through others, which is told once', () => {
    const rules = new Map([
      ['context_is_admin', 'rule:x'],
      ['x', 'not rule:metadef_admin'],
    ])
    assert.deepEqual(createRuleSet(rules).mistakes, [
      {
        rule: 'metadef_admin',
        wanted:
          'wanted no circle of rules: context_is_admin -> x -> metadef_admin -> context_is_admin',
      },
    ])
  })
})
