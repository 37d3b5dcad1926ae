import { assert, describe, it } from "@effect/vitest"
import { codemod } from "../src/effect4/codemod.js"
import { rules } from "../src/effect4/rules.js"

const modules = ["Config", "ConfigProvider", "Duration", "Effect", "Option", "Random", "Schedule", "Schema", "Stream"]

/** The expression for Effect 4. */
const converted = (expression: string): string => {
  const imports = modules.map((name) => `import * as ${name} from "effect/${name}"`).join("\n")
  const { problems, text } = codemod("example.ts", `${imports}\n\nexport const it = ${expression}\n`, rules)
  assert.deepStrictEqual(problems, [])
  return text.slice(text.indexOf("export const it = ") + "export const it = ".length).trim()
}

const converts = (expression: string, expected: string) => assert.strictEqual(converted(expression), expected)

describe("a function with a schedule", () => {
  it("has the error of the schedule in its result", () => {
    converts(
      "<Out, In, R>(self: Schedule.Schedule<Out, In, R>): Schedule.Schedule<Out, In & string, R> => self",
      "<Out, In, Err, R>(self: Schedule.Schedule<Out, In, Err, R>): Schedule.Schedule<Out, In & string, Err, R> => self"
    )
    converts(
      "<B, E, R1>(policy: Schedule.Schedule<B, E, R1>): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | R1> => f",
      "<B, E, Err1, R1>(policy: Schedule.Schedule<B, E, Err1, R1>): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Err1, R | R1> => f"
    )
  })

  it("takes no schedule with an error if its result cannot fail, or something else has the same context", () => {
    converts(
      "<B, R1>(policy: Schedule.Schedule<B, string, R1>): Effect.Effect<B, never, R1> => f",
      "<B, R1>(policy: Schedule.Schedule<B, string, never, R1>): Effect.Effect<B, never, R1> => f"
    )
    converts(
      "<R1>(policy: Schedule.Schedule<1, string, R1> | Policy<R1>): Effect.Effect<1, string, R1> => f",
      "<R1>(policy: Schedule.Schedule<1, string, never, R1> | Policy<R1>): Effect.Effect<1, string, R1> => f"
    )
  })

  it("stays as it is without a context", () => {
    converts(
      "(self: Schedule.Schedule<1>): Schedule.Schedule<1> => self",
      "(self: Schedule.Schedule<1>): Schedule.Schedule<1> => self"
    )
  })
})

describe("a combinator of schedules", () => {
  it("takes a list of schedules", () => {
    converts("Schedule.intersect(a, Schedule.recurs(3))", "Schedule.max([a, Schedule.recurs(3)])")
    converts("a.pipe(Schedule.union(Schedule.spaced(1)))", "a.pipe((self) => Schedule.min([self, Schedule.spaced(1)]))")
  })

  it("takes a function of the metadata, with the names and types of the parameters", () => {
    converts(
      "Schedule.whileInput((error: Failure) => error.retryable)",
      "Schedule.while(({ input: error }: Schedule.Metadata<unknown, Failure>) => error.retryable)"
    )
    converts("Schedule.untilInput(f())", "Schedule.while(({ input }) => !(f()(input)))")
    converts(
      "Schedule.whileInput(isBusy)",
      "Schedule.while(({ input }: { readonly input: Parameters<typeof isBusy>[0] }) => isBusy(input))"
    )
    converts(
      "Schedule.modifyDelay(self, (_, delay) => Duration.times(delay, 2))",
      "Schedule.modifyDelay(self, ({ duration: delay }) => Effect.succeed(Duration.times(delay, 2)))"
    )
    converts("Schedule.addDelay(() => 1)", "Schedule.addDelay(() => Effect.succeed(1))")
    converts("Schedule.upTo(\"1 second\")", "Schedule.upTo({ duration: \"1 second\" })")
  })
})

describe("a schema", () => {
  it("has checks, and lists of members and literals", () => {
    converts(
      "Schema.Union(Schema.Literal(\"a\", \"b\"), Schema.Literal(\"c\"))",
      "Schema.Union([Schema.Literals([\"a\", \"b\"]), Schema.Literal(\"c\")])"
    )
    converts(
      "Schema.Int.pipe(Schema.between(0, 9))",
      "Schema.Int.pipe((self) => self.check(Schema.isBetween({ minimum: 0, maximum: 9 })))"
    )
  })
})

describe("a provider of configuration", () => {
  it("has objects for names with dots, and names of variables otherwise", () => {
    converts(
      "ConfigProvider.fromMap(new Map([[\"A.B\", \"1\"], [\"A.C\", \"2\"]]))",
      "ConfigProvider.fromUnknown({ A: { B: \"1\", C: \"2\" } })"
    )
    converts(
      "ConfigProvider.fromMap(new Map([[\"A_B\", \"1\"]]), { pathDelim: \"_\" })",
      "ConfigProvider.fromEnvRecord({ A_B: \"1\" })"
    )
    converts("Config.literal(\"a\", \"b\")(\"NAME\")", "Config.Literals([\"a\", \"b\"], \"NAME\")")
  })
})

describe("a stream", () => {
  it("has pages that are arrays", () => {
    converts(
      "Stream.paginateChunkEffect(1, () => Effect.succeed([Chunk.fromIterable(items), next]))",
      "Stream.paginate(1, () => Effect.succeed([items, next]))"
    )
  })

  it("has pulls whose end is no option, and another one after a timeout", () => {
    converts("Effect.mapError(pull, Option.getOrElse(() => end))", "Pull.catchDone(pull, () => Effect.fail(end))")
    converts("Effect.mapError(effect, () => 1)", "Effect.mapError(effect, () => 1)")
    converts(
      "Stream.timeoutFail(self, () => \"late\", 9)",
      "Stream.timeoutOrElse(self, { duration: 9, orElse: () => Stream.fail(\"late\") })"
    )
  })
})

describe("random numbers", () => {
  it("have a seed, or a source", () => {
    converts("Effect.withRandom(self, Random.make(1))", "Random.withSeed(self, 1)")
    converts("self.pipe(Effect.withRandom(mine))", "self.pipe(Effect.provideService(Random.Random, mine))")
  })
})
