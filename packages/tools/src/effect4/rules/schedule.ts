/**
 * Rules for `Schedule`: its combinators take the metadata of a step, where those of Effect 3 take its input, output or delay.
 */
import ts from "typescript"
import { errorsIn } from "../fallible.js"
import { type CallRule, type Context, fieldsOf, type Rules, type TypeRule } from "../rule.js"

/** The fields of the metadata of a step, in the order of the parameters of a function for Effect 3. */
type Fields = ReadonlyArray<"input" | "output" | "duration">

type Wrap = (result: string, context: Context) => string

const plain: Wrap = (result) => result
const succeed: Wrap = (result, { use }) => `${use("Effect")}.succeed(${result})`
const not: Wrap = (result) => `!(${result})`
const negate: Wrap = (result, { use }) => `${use("Effect")}.map(${result}, (holds) => !holds)`

/** A parameter that another name uses needs no pattern. */
const pattern = (field: string, parameter: ts.ParameterDeclaration, { emit }: Context): string | undefined => {
  const name = emit(parameter.name)
  if (name.startsWith("_")) return undefined
  return name === field ? field : `${field}: ${name}`
}

/** `Schedule.Metadata<Output, Input>`, if a parameter for one of them has a type. */
const typeOf = (parameters: ReadonlyArray<ts.ParameterDeclaration>, fields: Fields, { emit, use }: Context): string => {
  const types = fields.map((field, i) => [field, parameters[i]?.type] as const)
  const [input, output] = (["input", "output"] as const).map((field) => types.find(([one]) => one === field)?.[1])
  if (input === undefined && output === undefined) return ""
  const all = [output === undefined ? "unknown" : emit(output), ...input === undefined ? [] : [emit(input)]]
  return `: ${use("Schedule")}.Metadata<${all.join(", ")}>`
}

/** A function by its name, or made by a call. */
const called = (f: ts.Expression, fields: Fields, wrap: Wrap, context: Context): string => {
  const name = context.emit(f)
  const type = ts.isIdentifier(f) && fields[0] === "input" ? `: { readonly input: Parameters<typeof ${name}>[0] }` : ""
  const text = ts.isArrowFunction(f) ? `(${name})` : name
  return `({ ${fields.join(", ")} }${type}) => ${wrap(`${text}(${fields.join(", ")})`, context)}`
}

/** `({ input: error }) => ...` for `(error) => ...`. */
const ofMetadata = (f: ts.Expression, fields: Fields, wrap: Wrap, context: Context): string => {
  const { emit } = context
  if (!ts.isArrowFunction(f) || ts.isBlock(f.body)) return called(f, fields, wrap, context)
  const patterns = f.parameters.flatMap((parameter, i) => pattern(fields[i]!, parameter, context) ?? [])
  if (patterns.length === 0) return `() => ${wrap(emit(f.body), context)}`
  return `({ ${patterns.join(", ")} }${typeOf(f.parameters, fields, context)}) => ${wrap(emit(f.body), context)}`
}

/** A combinator whose last argument is a function of a step. */
const withMetadata =
  (member: string, fields: Fields, wrap: Wrap = plain): CallRule => (args, context, { arguments: nodes }) =>
    `${context.use("Schedule")}.${member}(${
      [...args.slice(0, -1), ofMetadata(nodes.at(-1)!, fields, wrap, context)].join(", ")
    })`

/** A combinator of two schedules that takes a list in Effect 4. */
const ofList = (member: string): CallRule => ([first, second], { use }) =>
  second === undefined
    ? `(self) => ${use("Schedule")}.${member}([self, ${first}])`
    : `${use("Schedule")}.${member}([${first}, ${second}])`

/** Effect 4 adds the error of a schedule as third parameter. A function with the context of a schedule has its error too. */
const schedule: TypeRule = ([out, input, context], { use }, { typeArguments }) => {
  const errors = typeArguments?.[2] === undefined ? [] : errorsIn(typeArguments[2])
  const error = errors.length === 0 ? "never" : errors.join(" | ")
  const all = [out, input, ...context === undefined ? [] : [error, context]]
  return `${use("Schedule")}.Schedule<${all.filter((one) => one !== undefined).join(", ")}>`
}

/** An effect that runs a schedule fails with its error too. */
const effect: TypeRule = ([success, error, context], { use }, { typeArguments }) => {
  const errors = typeArguments?.[2] === undefined || error === "never" ? [] : errorsIn(typeArguments[2])
  const all = [success, error === undefined ? undefined : [error, ...errors].join(" | "), context]
  return `${use("Effect")}.Effect<${all.filter((one) => one !== undefined).join(", ")}>`
}

export const schedules: Rules = {
  members: {
    "Schedule.CurrentIterationMetadata": "CurrentMetadata",
    "Schedule.IterationMetadata": "Metadata",
    "Schedule.andThen": "concat",
    "Schedule.andThenEither": "concatResult"
  },
  values: { "Schedule.stop": ({ use }) => `${use("Schedule")}.recurs(0)` },
  calls: {
    "Schedule.addDelay": withMetadata("addDelay", ["output"], succeed),
    "Schedule.addDelayEffect": withMetadata("addDelay", ["output"]),
    "Schedule.as": (args, { use }) =>
      `${use("Schedule")}.map(${[...args.slice(0, -1), `() => ${args.at(-1)}`].join(", ")})`,
    "Schedule.check": withMetadata("while", ["input", "output"]),
    "Schedule.delayed": withMetadata("modifyDelay", ["duration"], succeed),
    "Schedule.delays": ([self], { use }) => `${use("Schedule")}.map(${self}, ({ duration }) => duration)`,
    "Schedule.intersect": ofList("max"),
    "Schedule.jitteredWith": (args, { emit, use }, { arguments: nodes }) => {
      const { max, min } = fieldsOf(nodes.at(-1)!)
      const factor = `${use("Random")}.nextBetween(${emit(min!)}, ${emit(max!)})`
      const delay = `${use("Effect")}.map(${factor}, (factor) => ${use("Duration")}.times(duration, factor))`
      return `${use("Schedule")}.modifyDelay(${[...args.slice(0, -1), `({ duration }) => ${delay}`].join(", ")})`
    },
    "Schedule.map": withMetadata("map", ["output"]),
    "Schedule.mapInput": ([self, f], { use }) =>
      `${use("Schedule")}.fromStep(${use("Effect")}.map(${use("Schedule")}.toStep(${self}), (step) => {
  const f = ${f}
  return (now: number, input: Parameters<typeof f>[0]) => step(now, f(input))
}))`,
    "Schedule.mapEffect": withMetadata("map", ["output"]),
    "Schedule.modifyDelay": withMetadata("modifyDelay", ["output", "duration"], succeed),
    "Schedule.modifyDelayEffect": withMetadata("modifyDelay", ["output", "duration"]),
    "Schedule.recurUpTo": ([duration], { use }) => `${use("Schedule")}.during(${duration})`,
    // The last output of a schedule that ends is a result too.
    "Schedule.run": ([self, now, inputs], { use }) =>
      `${use("Effect")}.flatMap(${use("Schedule")}.toStep(${self}), (step) => {
  let now = ${now}
  return ${use("Effect")}.forEach(${inputs}, (input) =>
    ${use("Effect")}.map(step(now, input), ([output, delay]) => {
      now += ${use("Duration")}.toMillis(delay)
      return output
    }).pipe(${use("Pull")}.catchDone(${use("Effect")}.succeed)))
})`,
    "Schedule.tapInput": withMetadata("tap", ["input"]),
    "Schedule.tapOutput": withMetadata("tap", ["output"]),
    "Schedule.union": ofList("min"),
    "Schedule.untilInput": withMetadata("while", ["input"], not),
    "Schedule.untilInputEffect": withMetadata("while", ["input"], negate),
    "Schedule.upTo": (args, { use }) =>
      `${use("Schedule")}.upTo(${[...args.slice(0, -1), `{ duration: ${args.at(-1)} }`].join(", ")})`,
    "Schedule.whileInput": withMetadata("while", ["input"]),
    "Schedule.whileInputEffect": withMetadata("while", ["input"]),
    "Schedule.whileOutput": withMetadata("while", ["output"])
  },
  types: { "Effect.Effect": effect, "Schedule.Schedule": schedule },
  names: {
    "Schedule.delays": "Schedule.map",
    "Schedule.driver": "Schedule.toStep",
    "Schedule.untilInput": "Schedule.while",
    "Schedule.whileInput": "Schedule.while"
  },
  properties: { recurrence: "attempt" }
}
