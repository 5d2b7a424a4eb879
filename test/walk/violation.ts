/** Something that must never be was seen. `rule` says in the same words each time what it is, so that a shorter walk can be told to have found the same. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: string

  constructor(rule: string, detail = '') {
    super(detail === '' ? rule : `${rule}: ${detail}`)
    this.rule = rule
  }
}

/** @throws {Violation} where the condition does not hold */
export function must(condition: boolean, rule: string, detail?: () => string): asserts condition {
  if (!condition) throw new Violation(rule, detail?.())
}
