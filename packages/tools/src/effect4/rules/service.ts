/**
 * Rules for `Effect.Service`, whose layer the class of a service makes itself in Effect 4.
 */
import type ts from "typescript"
import { fieldsOf, type Rules } from "../rule.js"

export const services: Rules = {
  members: { "Effect.Service": "Context.Service" },
  calls: {
    "Effect.Service()": (_, { emit, use }, call) => {
      const [id, options] = call.arguments
      const { effect, scoped = effect, succeed } = fieldsOf(options!)
      const made = scoped === undefined ? `${use("Effect")}.succeed(${emit(succeed!)})` : emit(scoped)
      const self = (call.expression as ts.CallExpression).typeArguments!.map(emit)
      return `${use("Context")}.Service<${self.join(", ")}>()(${emit(id!)}, {\n  make: ${made}\n})`
    }
  },
  classes: {
    "Effect.Service()": ({ emit, use }, { arguments: [, options] }) => {
      const { dependencies } = fieldsOf(options!)
      const layer = `static readonly layer = ${use("Layer")}.effect(this, this.make)`
      return dependencies === undefined ? layer : `${layer}.pipe(${use("Layer")}.provide(${emit(dependencies)}))`
    }
  },
  properties: { Default: "layer" },
  methods: {
    // A service of a test.
    make: (object, args, _, call) =>
      new RegExp(`class ${object} extends Effect\\.Service<`).test(call.getSourceFile().text)
        ? `${object}.of(${args.join(", ")})`
        : undefined
  }
}
