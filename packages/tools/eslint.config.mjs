import effect from "@effect/eslint-plugin"
import tseslint from "typescript-eslint"

const published = (folder) =>
  ["reprise", "http", "testing", "redis", "durable"].map((name) => `packages/${name}/${folder}/**/*.ts`)

const ambient = "Time and chance come only from Effect's Clock and Random."
const wall = "The wall clock may be set: read the monotonic one, of internal/clock or internal/effect/clock."
const barrel = "Import the module by path (\"effect/Effect\"): the barrel costs 22 kB gzip in a bundle."

const noDates = [
  { selector: "NewExpression[callee.name=\"Date\"][arguments.length=0]", message: ambient },
  { selector: "CallExpression[callee.name=\"Date\"]", message: ambient }
]

const internals = "Only internal/effect names private parts of Effect: each of them needs a fallback and a test."
const ofFibers = "/^(_fiberRefs|_children|_runtimeFlags|_observers|_exitValue|_queue|_steps|effect_instruction_i\\d)$/"
const unlessPublic = "/^(currentRuntimeFlags|setFiberRefs?|unsafeDeleteFiberRef|getChildren)$/"

const noPrivateParts = [
  { selector: `Identifier[name=${ofFibers}]`, message: internals },
  {
    selector: `MemberExpression[property.name=${unlessPublic}][object.name!=/^(FiberRef|Runtime)$/]`,
    message: internals
  },
  {
    selector: `:matches(Property, TSPropertySignature, TSMethodSignature)[key.name=${unlessPublic}]`,
    message: internals
  }
]

const wallClock = [
  ...noDates,
  { selector: "MemberExpression[property.name=/^(unsafeC|c)urrentTimeMillis$/]", message: wall }
]

const unfinished = "/^(only|skip|skipIf|runIf|todo|fails)$/"
const alone = "A test that is skipped or alone hides the others."

const notInReprise = ["node:*", "undici", "@effect/platform*", "@reprise/*"]
const notInHttp = ["node:*", "undici", "@effect/platform-*", "@reprise/testing/*"]

// The engine is the choice of the program.
const notInDurable = [
  "node:*",
  "undici",
  "@effect/platform-*",
  "@effect/cluster*",
  "@effect/sql*",
  "@reprise/testing/*"
]

const mayNotImport = (folder, group, inFiles = "**/*.ts", others = [], ignores = []) => ({
  files: [`packages/${folder}/src/${inFiles}`],
  ignores,
  rules: {
    "@typescript-eslint/no-restricted-imports": [
      "error",
      { patterns: [{ group, message: "docs/architecture.md says what each package may import." }, ...others] }
    ]
  }
})

/** The two errors are leaves: they import nothing of the package. */
const publicModules = {
  regex: "^(\\.\\./)+(?!(InvalidOption|StoreError)\\.js$)[A-Z]\\w*\\.js$",
  caseSensitive: true,
  message: "Imports go from a public module to its internals, and not back: put what both need into a model."
}

export default tseslint.config(
  {
    ignores: ["**/dist/", "**/build/", "**/coverage/", "**/node_modules/", "packages/*/src/index.ts", "**/*.effect4.ts"]
  },
  {
    files: ["**/*.ts", "**/*.mts", "**/*.mjs"],
    extends: [tseslint.configs.recommended],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    plugins: { "@effect": effect },
    rules: {
      "@effect/dprint": [
        "error",
        {
          config: {
            indentWidth: 2,
            lineWidth: 120,
            newLineKind: "lf",
            semiColons: "asi",
            quoteStyle: "alwaysDouble",
            trailingCommas: "never",
            operatorPosition: "maintain",
            "arrowFunction.useParentheses": "force"
          }
        }
      ],
      "@typescript-eslint/array-type": ["error", { default: "generic" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-empty-object-type": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "object-shorthand": "error"
    }
  },
  {
    files: published("src"),
    rules: {
      "no-restricted-globals": [
        "error",
        ...["setTimeout", "setInterval", "setImmediate"].map((name) => ({ name, message: ambient }))
      ],
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: ambient },
        { object: "Math", property: "random", message: ambient },
        { object: "performance", property: "now", message: ambient },
        { object: "globalThis", property: "setTimeout", message: ambient },
        { object: "globalThis", property: "setInterval", message: ambient }
      ],
      "no-restricted-syntax": ["error", ...wallClock, ...noPrivateParts],
      "no-restricted-imports": [
        "error",
        {
          paths: [
            ...[
              "effect",
              "@effect/platform",
              "@effect/platform-node",
              "@effect/vitest",
              "@effect/workflow",
              "reprise",
              "@reprise/http"
            ]
              .map((name) => ({ name, message: barrel })),
            { name: "node:timers/promises", message: ambient }
          ]
        }
      ],
      "no-console": "error"
    }
  },
  {
    files: ["packages/reprise/src/internal/effect/**/*.ts"],
    rules: { "no-restricted-syntax": ["error", ...wallClock] }
  },
  {
    files: ["packages/reprise/src/internal/effect/clock.ts"],
    rules: { "no-restricted-syntax": ["error", ...noDates] }
  },
  {
    // Dates that come from other machines or go to people, and the clocks themselves.
    files: [
      "packages/durable/src/internal/clock.ts",
      "packages/http/src/internal/clock.ts",
      "packages/testing/src/internal/virtual/fibers.ts",
      "packages/testing/src/internal/faultServer.ts",
      "packages/testing/src/internal/httpFault.ts"
    ],
    rules: { "no-restricted-syntax": ["error", ...noDates, ...noPrivateParts] }
  },
  mayNotImport("reprise", notInReprise),
  mayNotImport("reprise", notInReprise, "internal/**/*.ts", [publicModules]),
  mayNotImport("http", notInHttp),
  mayNotImport("http", notInHttp, "internal/**/*.ts", [publicModules]),
  mayNotImport("durable", notInDurable),
  mayNotImport("durable", notInDurable, "internal/**/*.ts", [publicModules]),
  mayNotImport("redis", ["node:*", "@effect/platform*", "@reprise/*"]),
  // Only `Explain` needs the client: programs that use another module load nothing of it.
  mayNotImport("testing", ["@reprise/*"], "**/*.ts", [], [
    "packages/testing/src/Explain.ts",
    "packages/testing/src/internal/explain/*.ts"
  ]),
  {
    files: ["packages/*/test/**/*.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector: `MemberExpression[property.name=${unfinished}][object.name=/^(it|test|describe)$/]`,
          message: alone
        },
        {
          selector: `MemberExpression[property.name=${unfinished}][object.object.name=/^(it|test|describe)$/]`,
          message: alone
        }
      ]
    }
  }
)
