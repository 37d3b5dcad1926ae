/**
 * Rules for `Config` and its providers.
 */
import ts from "typescript"
import { type CallRule, type Context, resultOf, type Rules } from "../rule.js"

/** The names and values of `new Map([[name, value], ...])`. */
const entriesOf = (node: ts.Node): ReadonlyArray<readonly [name: string, value: ts.Expression]> | undefined => {
  if (!ts.isNewExpression(node) || node.expression.getText() !== "Map") return undefined
  const [list] = node.arguments ?? []
  if (list === undefined || !ts.isArrayLiteralExpression(list)) return undefined
  return list.elements.flatMap((one) => {
    const [name, value] = ts.isArrayLiteralExpression(one) ? one.elements : []
    return name !== undefined && value !== undefined && ts.isStringLiteral(name) ? [[name.text, value] as const] : []
  })
}

type Tree = Map<string, Tree | string>

const write = (tree: Tree): string =>
  `{ ${
    Array.from(tree, ([name, value]) => `${name}: ${typeof value === "string" ? value : write(value)}`).join(", ")
  } }`

/** An object within objects for names with dots. */
const nested = (entries: ReadonlyArray<readonly [string, ts.Expression]>, { emit }: Context): string => {
  const root: Tree = new Map()
  for (const [name, value] of entries) {
    const path = name.split(".")
    let tree = root
    for (const part of path.slice(0, -1)) {
      const child = tree.get(part)
      const next: Tree = child === undefined || typeof child === "string" ? new Map() : child
      tree.set(part, next)
      tree = next
    }
    tree.set(path.at(-1)!, emit(value))
  }
  return write(root)
}

/** `fromUnknown` for names with dots, `fromEnvRecord` for names like those of the environment. */
const fromMap: CallRule = ([map], context, { arguments: [node, options] }) => {
  const { emit, use } = context
  const entries = entriesOf(node!)
  if (entries === undefined) return `${use("ConfigProvider")}.fromEnvRecord(Object.fromEntries(${map}))`
  if (options === undefined) return `${use("ConfigProvider")}.fromUnknown(${nested(entries, context)})`
  const env = entries.map(([name, value]) => `${name}: ${emit(value)}`)
  return `${use("ConfigProvider")}.fromEnvRecord({ ${env.join(", ")} })`
}

const refused = "expected a whole number >= 1, got 0 (option \"attempts\")"

export const config: Rules = {
  outputs: {
    [`(Invalid data at PAYMENTS.ATTEMPTS: "${refused}")`]:
      `ConfigError(SchemaError(${refused}\n  at ["PAYMENTS"]["ATTEMPTS"]))`
  },
  members: { "Config.Config.Wrap": "Wrap", "ConfigProvider.fromJson": "fromUnknown" },
  calls: {
    "Config.literal()": (literals, { emit, use }, { arguments: [name] }) =>
      `${use("Config")}.Literals([${literals.join(", ")}]${name === undefined ? "" : `, ${emit(name)}`})`,
    "ConfigProvider.fromMap": fromMap,
    "ConfigProvider.mapInputPath": (args, { use }) => {
      const path = `(path) => path.map((part) => typeof part === "string" ? (${args.at(-1)})(part) : part)`
      return `${use("ConfigProvider")}.mapInput(${[...args.slice(0, -1), path].join(", ")})`
    },
    // Effect 4 takes the other provider itself.
    "ConfigProvider.orElse": (args, context, { arguments: nodes }) =>
      `${context.use("ConfigProvider")}.orElse(${[...args.slice(0, -1), resultOf(nodes.at(-1)!, context)].join(", ")})`
  }
}
