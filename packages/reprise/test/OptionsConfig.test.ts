import { assert, describe, it } from "@effect/vitest"
import { Cause, Config, ConfigProvider, Context, Effect, Either, Layer, Redacted } from "effect"
import * as Bulkhead from "reprise/Bulkhead"
import * as Hedge from "reprise/Hedge"
import * as InvalidOption from "reprise/InvalidOption"
import * as OptionsConfig from "reprise/OptionsConfig"
import * as Services from "./services.js"

const variables = {
  attempts: ["ATTEMPTS", OptionsConfig.optional(Config.integer())],
  shortest: ["SHORTEST", OptionsConfig.optional(Config.integer())],
  longest: ["LONGEST", OptionsConfig.optional(Config.integer())],
  attemptTimeout: ["ATTEMPT_TIMEOUT", OptionsConfig.optional(Config.duration())],
  token: ["TOKEN", OptionsConfig.optional(Config.redacted())]
} as const

interface Values {
  readonly attempts: number | undefined
  readonly shortest: number | undefined
  readonly longest: number | undefined
}

const check = ({ attempts = 1, longest = 10, shortest = 0 }: Values) => {
  InvalidOption.integer("n", attempts, { min: 1 })
  InvalidOption.integer("longest", longest, { min: shortest })
  if (attempts === 9 && longest === 9) {
    throw new InvalidOption.InvalidOption({
      option: "n, longest",
      value: [attempts, longest],
      expected: "no two nines"
    })
  }
}

const config = (prefix?: string) =>
  OptionsConfig.make({
    prefix,
    variables,
    blame: { n: ["attempts"], longest: ["longest", "shortest"] },
    options: (values) => values,
    check
  })

/** The environment of the process with these variables, for as long as the effect runs. */
const inEnvironment = (entries: Readonly<Record<string, string>>) => <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => Object.assign(process.env, entries)),
    () => self,
    () => Effect.sync(() => Object.keys(entries).forEach((name) => delete process.env[name]))
  )

/** The warnings of a load, and how it ended. */
const load = (provider: ConfigProvider.ConfigProvider, options: Config.Config.Wrap<Values>) =>
  Effect.suspend(() => {
    const lines: Array<string> = []
    return OptionsConfig.load(options, check).pipe(
      Effect.either,
      Effect.map((result) => ({ lines, result })),
      Effect.withConfigProvider(provider),
      Effect.provide(Services.logTo(lines))
    )
  })

const failing = (entries: Readonly<Record<string, string>>, prefix?: string) =>
  Effect.flip(Effect.withConfigProvider(config(prefix), Services.settings(entries)))

describe("an option out of range", () => {
  it.effect("is an error at its variable, behind the prefix, that says the option, its value and its range", () =>
    Effect.gen(function*() {
      const error = yield* failing({ "PAYMENTS.ATTEMPTS": "0" }, "PAYMENTS")
      const message = "expected a whole number >= 1, got 0 (option \"attempts\")"
      assert.deepStrictEqual(Services.mistakes(error), [`invalid PAYMENTS.ATTEMPTS: ${message}`])
      assert.include(String(error), message)
      assert.deepStrictEqual(Services.mistakes(yield* failing({ ATTEMPTS: "0" })), [`invalid ATTEMPTS: ${message}`])
    }))

  it.effect("is an error at the variable that is set, if the option depends on two", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(Services.mistakes(yield* failing({ LONGEST: "3", SHORTEST: "4" })), [
        "invalid LONGEST: expected a whole number >= 4, got 3 (option \"longest\")"
      ])
      assert.deepStrictEqual(Services.mistakes(yield* failing({ SHORTEST: "11" })), [
        "invalid SHORTEST: expected a whole number >= 11, got 10 (option \"longest\")"
      ])
    }))

  it.effect("is an error at both variables, if two options contradict each other", () =>
    Effect.gen(function*() {
      const error = yield* failing({ "A.ATTEMPTS": "9", "A.LONGEST": "9" }, "A")
      const message = "expected no two nines, got [9, 9] (option \"attempts\", \"longest\")"
      assert.deepStrictEqual(Services.mistakes(error), [
        `invalid A.ATTEMPTS: ${message}`,
        `invalid A.LONGEST: ${message}`
      ])
      assert.include(String(error), message)
    }))

  it.effect("is an error at the name of the option, if no variable sets it", () =>
    Effect.gen(function*() {
      const { result } = yield* load(Services.settings({ N: "0" }), {
        attempts: Config.integer("N"),
        shortest: none,
        longest: none
      })
      assert.deepStrictEqual(Services.mistakes(Either.getOrThrow(Either.flip(result))), [
        "invalid n: expected a whole number >= 1, got 0 (option \"n\")"
      ])
    }))

  it.effect("does not hide a defect", () =>
    Effect.gen(function*() {
      const defect = new Error("a mistake of the program")
      const broken = OptionsConfig.load(Config.succeed({}), () => {
        throw defect
      })
      const cause = yield* Effect.flip(Effect.sandbox(broken))
      assert.isTrue(Cause.isDie(cause))
      assert.strictEqual(Cause.squash(cause), defect)
    }))

  it.effect("leaves the error of a missing variable at its path", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.withConfigProvider(Hedge.config("SEARCH"), Services.settings({})))
      assert.deepStrictEqual(Services.mistakes(error), ["missing SEARCH.AFTER: Expected AFTER or QUANTILE to exist"])
    }))
})

const none = Config.succeed(undefined)

const warning = (prefix: string, names: string) => [
  `WARN Config: no option reads these variables behind the prefix "${prefix}": ${names}`
]

describe("variables that nothing reads", () => {
  it.effect("are in one warning, each with the nearest name within two letters", () =>
    Effect.gen(function*() {
      const provider = Services.settings({
        "PAYMENTS.ATTEMPTS": "2",
        "PAYMENTS.ATEMPT": "3",
        "PAYMENTS.URL": "http://h.test",
        "PAYMENTS.ATTEMPT.TIMEOUT": "1 second",
        "PAYMENTSX.OTHER": "1",
        "OTHER.ATEMPTS": "1"
      })
      const { lines, result } = yield* load(provider, config("PAYMENTS"))
      assert.isTrue(Either.isRight(result))
      assert.deepStrictEqual(
        lines,
        warning("PAYMENTS", "ATEMPT (did you mean ATTEMPTS?), ATTEMPT.TIMEOUT (did you mean ATTEMPT_TIMEOUT?), URL")
      )
      const lower = Services.settings({ "PAYMENTS.attempts": "2" })
      assert.deepStrictEqual(
        (yield* load(lower, config("PAYMENTS"))).lines,
        warning("PAYMENTS", "attempts (did you mean ATTEMPTS?)")
      )
    }))

  it.effect("are found in the environment, with a `_` in the prefix and in the names", () =>
    Effect.gen(function*() {
      const entries = {
        MY_PAYMENTS_ATTEMPTS: "2",
        MY_PAYMENTS_ATTEMPT_TIMEOUT: "1 second",
        MY_PAYMENTS_ATTEMPT_TIMEOT: "1 second",
        MY_PAYMENTS_ATTEMPT: "2",
        MY_PAYMENTS_A_B_C_D_E_F_G_H_I: "2",
        MY_OTHER: "2"
      }
      const { lines } = yield* Effect.suspend(() => load(ConfigProvider.fromEnv(), config("MY_PAYMENTS"))).pipe(
        inEnvironment(entries)
      )
      assert.deepStrictEqual(
        lines,
        warning(
          "MY_PAYMENTS",
          "A_B_C_D_E_F_G_H_I, ATTEMPT (did you mean ATTEMPTS?), ATTEMPT_TIMEOT (did you mean ATTEMPT_TIMEOUT?)"
        )
      )
    }))

  it.effect("are found by a provider that maps names to constant case", () =>
    Effect.gen(function*() {
      const entries = { MY_PAYMENTS_ATTEMPT_TIMEOUT: "1 second", MY_PAYMENTS_TIMEOUT: "1 second" }
      for (const prefix of ["myPayments", "my-payments"]) {
        const { lines } = yield* Effect.suspend(() =>
          load(ConfigProvider.constantCase(ConfigProvider.fromEnv()), config(prefix))
        ).pipe(inEnvironment(entries))
        assert.deepStrictEqual(lines, warning(prefix, "TIMEOUT"))
      }
      const dots = ConfigProvider.constantCase(
        Services.settings({ "MY_PAYMENTS.TIMEOUT": "1", "MY_PAYMENTS.ATTEMPTS": "1" })
      )
      assert.deepStrictEqual((yield* load(dots, config("myPayments"))).lines, warning("myPayments", "TIMEOUT"))
    }))

  it.effect("are found by providers that nest, and map names to another case", () =>
    Effect.gen(function*() {
      const nested = ConfigProvider.nested(Services.settings({ "APP.A.ATTEMPTS": "1", "APP.A.URL": "1" }), "APP")
      assert.deepStrictEqual((yield* load(nested, config("A"))).lines, warning("A", "URL"))
      const kebab = Services.kebabCase(Services.settings({ "a.attempt-timeout": "1 second", "a.url": "1" }))
      assert.deepStrictEqual((yield* load(kebab, config("A"))).lines, warning("A", "url"))
      const json = ConfigProvider.fromJson({ A: { ATTEMPTS: 1, URL: { HOST: "h.test" } } })
      assert.deepStrictEqual((yield* load(json, config("A"))).lines, warning("A", "URL.HOST"))
    }))

  it.effect("are found in a provider to fall back to", () =>
    Effect.gen(function*() {
      const either = ConfigProvider.orElse(Services.settings({ "A.ATTEMPTS": "1" }), () =>
        Services.settings({ "A.URL": "1" }))
      assert.deepStrictEqual((yield* load(either, config("A"))).lines, warning("A", "URL"))
    }))

  it.effect("are reported although the options are wrong, and never with a value", () =>
    Effect.gen(function*() {
      const secret = "s3cret"
      const provider = Services.settings({
        "A.ATTEMPTS": "0",
        "A.TOKEN": secret,
        "A.TOKENS": secret,
        "A.PASSWORD": secret
      })
      const { lines, result } = yield* load(provider, config("A"))
      assert.deepStrictEqual(lines, warning("A", "PASSWORD, TOKENS (did you mean TOKEN?)"))
      assert.notInclude(String(Either.getOrThrow(Either.flip(result))), secret)
      const { token } = yield* Effect.withConfigProvider(config("A"), Services.settings({ "A.TOKEN": secret }))
      assert.strictEqual(Redacted.value(token!), secret)
    }))

  it.effect("are not reported if there are none, without a prefix, and for a config that another module made", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        (yield* load(Services.settings({ "A.ATTEMPTS": "1", "B.URL": "1" }), config("A"))).lines,
        []
      )
      assert.deepStrictEqual((yield* load(Services.settings({ ATEMPTS: "1", URL: "1" }), config())).lines, [])
      const own = Config.nested(config(), "A")
      assert.deepStrictEqual((yield* load(Services.settings({ "A.URL": "1" }), own)).lines, [])
    }))

  it.effect("are not reported if other code is known to read them", () =>
    Effect.gen(function*() {
      const options = { prefix: "A", variables, others: ["URL"], options: (values: Values) => values, check }
      const { lines } = yield* load(Services.settings({ "A.URL": "1", "A.PORT": "1" }), OptionsConfig.make(options))
      assert.deepStrictEqual(lines, warning("A", "PORT"))
    }))

  it.effect("are not reported by a provider that fails or dies when it lists them", () =>
    Effect.gen(function*() {
      for (const provider of [Services.unlisted, Services.endless(() => Effect.die("broken"))]) {
        const { lines, result } = yield* load(provider, config("A"))
        assert.deepStrictEqual(lines, [])
        assert.isTrue(Either.isRight(result))
      }
    }))

  it.effect("are at most 100 of a provider that lists names without end", () =>
    Effect.gen(function*() {
      const { lines } = yield* load(Services.endless(() => Effect.succeed(["X", "Y"])), config("A"))
      assert.lengthOf(lines[0]!.split(", "), 100)
    }))
})

describe("a layer", () => {
  class Reports extends Context.Tag("test/Reports")<Reports, Bulkhead.Bulkhead>() {}

  it.effect("warns once each time it is built", () =>
    Effect.gen(function*() {
      let lines = 0
      const logger = Services.logging(() => lines++)
      const layer = Bulkhead.layerConfig(Reports, Bulkhead.config("REPORTS"))
      const provider = Services.settings({ "REPORTS.MAX_CONCURRENT": "1", "REPORTS.MAX_QUEUE": "1" })
      const build = Effect.all([Reports, Reports]).pipe(
        Effect.provide(Layer.merge(layer, layer)),
        Effect.withConfigProvider(provider),
        Effect.provide(logger)
      )
      yield* build
      assert.strictEqual(lines, 1)
      yield* build
      assert.strictEqual(lines, 2)
    }))
})
