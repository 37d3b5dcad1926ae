/**
 * Rules for `@effect/workflow`, `@effect/cluster` and the drivers of SQL. The first two are in `effect` from Effect 4 on.
 */
import ts from "typescript"
import { type Context, fieldsOf, type Rules } from "../rule.js"

const within = (folder: string, names: ReadonlyArray<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(names.map((name) => [name, `${folder}/${name}`]))

/** A function whose result is an `Option` in Effect 4, and may be `undefined` in Effect 3. */
const optional = (f: ts.Node | undefined, { emit, use }: Context): string | undefined => {
  if (f === undefined || !ts.isArrowFunction(f) || ts.isBlock(f.body)) return undefined
  const parameters = f.parameters.map(emit).join(", ")
  return `(${parameters}) => ${use("Effect")}.map(${emit(f.body)}, ${use("Option")}.fromNullishOr)`
}

export const workflows: Rules = {
  modules: {
    ...within("effect/workflow", ["Activity", "DurableClock", "DurableDeferred", "Workflow", "WorkflowEngine"]),
    ...within("effect/cluster", [
      "ClusterWorkflowEngine",
      "MessageStorage",
      "RunnerAddress",
      "Sharding",
      "SingleRunner"
    ]),
    NodeClusterSocket: "@effect/platform-node/NodeClusterSocket",
    PgClient: "@effect/sql-pg/PgClient"
  },
  calls: {
    // The result of `poll` is an `Option` already.
    "Effect.map": ([effect, f]) =>
      f === "Option.fromNullishOr" && /\.poll\([^()]*\)$/.test(effect!) ? effect : undefined,
    "Workflow.make": (_, { emit, use }, { arguments: [options] }) => {
      const { name } = fieldsOf(options!)
      if (name === undefined) return undefined
      const others = (options as ts.ObjectLiteralExpression).properties.filter((one) => one.name?.getText() !== "name")
      return `${use("Workflow")}.make(${emit(name)}, {\n${others.map(emit).join(",\n")}\n})`
    },
    "WorkflowEngine.makeUnsafe": (_, context, { arguments: [options] }) => {
      const written = (options as ts.ObjectLiteralExpression).properties.map((one) => {
        const name = one.name?.getText()
        const isOptional = name === "poll" || name === "deferredResult"
        const f = isOptional && ts.isPropertyAssignment(one) ? optional(one.initializer, context) : undefined
        return f === undefined ? context.emit(one) : `${name}: ${f}`
      })
      const { use } = context
      const interrupt = `interruptUnsafe: () => ${use("Effect")}.void`
      return `${use("WorkflowEngine")}.makeUnsafe({\n${[...written, interrupt].join(",\n")}\n})`
    }
  },
  names: {
    "@effect/cluster": "effect/cluster",
    "@effect/workflow": "effect/workflow"
  }
}
